//! Network path and congestion controller of a lane.

use leptos::prelude::*;
use sluice_shared::lab::Congestion;

use crate::app::state::App;
use crate::engine::lane::Lane;
use crate::features::network::state::LabState;

/// Choice of the emulated or the direct path, and of the congestion controller for new connections.
#[component]
pub fn PathControl(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let has_lab = Memo::new(move |_| !app.network.lab.with(|lab| matches!(lab, LabState::Missing(_))));
    let is_direct = Memo::new(move |_| lane.is_direct.get() || !has_lab.get());
    let choose_congestion = move |event| {
        lane.congestion.set(Congestion::named(&event_target_value(&event)).unwrap_or_default());
    };
    view! {
        <select
            class="way"
            data-testid="path"
            aria-label="Which way this lane takes"
            data-tip="emulated: through the network set on the left. direct: past it, for comparison"
            disabled=move || !has_lab.get()
            prop:value=move || if is_direct.get() { "direct" } else { "emulated" }
            on:change=move |event| lane.is_direct.set(event_target_value(&event) == "direct")
        >
            <option value="emulated" selected=move || !is_direct.get()>"emulated"</option>
            <option value="direct" selected=move || is_direct.get()>"direct"</option>
        </select>
        <select
            class="way"
            data-testid="congestion"
            aria-label="Congestion control of this lane"
            data-tip="Congestion control. CUBIC slows down for every loss, with 256 KiB it may send that much before the first answer, BBR follows the measured rate and round trip. Changing it connects anew; what the server really uses stands beside"
            disabled=is_direct
            prop:value=move || lane.congestion.get().name()
            on:change=choose_congestion
        >
            {Congestion::ALL
                .map(|congestion| {
                    let selected = move || lane.congestion.get() == congestion;
                    view! { <option value=congestion.name() selected=selected>{congestion.label()}</option> }
                })
                .collect_view()}
        </select>
    }
}
