//! The head of a lane.

use leptos::prelude::*;

use crate::app::state::App;
use crate::engine::lane::Lane;
use crate::features::lanes::connection_state::ConnectionState;
use crate::features::lanes::fairness::Fairness;
use crate::features::lanes::lane_numbers::LaneNumbers;
use crate::features::lanes::mode_select::ModeSelect;
use crate::features::lanes::path_control::PathControl;

/// Name, state, fairness, numbers.
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
                <ConnectionState lane/>
                <PathControl lane/>
                <Fairness lane/>
            </div>
            <LaneNumbers lane/>
            <button
                type="button"
                class="quiet remove"
                data-testid="remove-lane"
                title="Remove this lane"
                aria-label=move || format!("Remove lane {}", app.short_name(lane.id))
                on:click=move |_| app.remove_lane(lane.id)
            >
                "×"
            </button>
        </header>
    }
}
