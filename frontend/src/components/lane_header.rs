//! The head of a lane.

use leptos::prelude::*;

use super::connection::ConnectionState;
use super::fairness::Fairness;
use super::lane_numbers::LaneNumbers;
use super::mode_select::ModeSelect;
use super::path_control::PathControl;
use crate::state::{App, Lane};

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
