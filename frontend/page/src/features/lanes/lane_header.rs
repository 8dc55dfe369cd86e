//! Header of a lane.

use leptos::prelude::*;

use crate::app::state::App;
use crate::engine::lane::Lane;
use crate::features::lanes::connection_state::ConnectionState;
use crate::features::lanes::lane_numbers::LaneNumbers;
use crate::features::lanes::lane_row::details_id;
use crate::features::lanes::mode_select::ModeSelect;
use crate::labels;

/// Name, state, numbers, and the buttons that open the lane's details or remove it.
#[component]
pub fn LaneHeader(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    view! {
        <header class="lane-head">
            <div class="lane-title">
                <h2><span class="swatch" aria-hidden="true"></span><ModeSelect lane/></h2>
                <FallbackBadge lane/>
                <ConnectionState lane/>
            </div>
            <LaneNumbers lane/>
            <button
                type="button"
                class="quiet details"
                data-testid="lane-details"
                aria-expanded=move || lane.is_open.get().to_string()
                aria-controls=details_id(lane)
                aria-label=move || format!("Details and controls of lane {}", app.short_name(lane.id))
                on:click=move |_| lane.is_open.update(|is_open| *is_open = !*is_open)
            >
                "Details"
            </button>
            <button
                type="button"
                class="quiet remove"
                data-testid="remove-lane"
                aria-label=move || format!("Remove lane {}", app.short_name(lane.id))
                on:click=move |_| app.remove_lane(lane.id)
            >
                "×"
            </button>
        </header>
    }
}

/// Transport in use, beside the title of a lane that has fallen back to another one.
#[component]
fn FallbackBadge(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let in_use = Memo::new(move |_| {
        let (set, in_use) = (lane.mode.get(), lane.mode_in_use.get());
        (set.transport() != in_use.transport()).then_some(in_use)
    });
    move || {
        in_use.get().map(|mode| {
            view! {
                <span
                    class="state"
                    data-testid="fallback-in-use"
                    data-value=mode.name()
                    tabindex="0" data-tip="The lane's own transport does not get through; its messages come over this one meanwhile"
                >
                    "over " {labels::short(mode)}
                </span>
            }
        })
    }
}
