//! Row of one lane: its numbers and stages, and on demand its charts and controls.

use leptos::prelude::*;

use crate::app::state::App;
use crate::engine::lane::Lane;
use crate::features::connection::view::{Lifeline, LossControls};
use crate::features::lanes::connection_state::ConnectionNote;
use crate::features::lanes::fairness::Fairness;
use crate::features::lanes::lane_controls::LaneControls;
use crate::features::lanes::lane_header::LaneHeader;
use crate::features::lanes::path_control::PathControl;
use crate::features::network::lane_view::LaneLinkStats;
use crate::features::pipeline::compact::StageRow;
use crate::features::pipeline::view::Strip;

/// Row of a lane, in its colour.
#[component]
pub fn LaneRow(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let series_style = move || {
        app.series_style(lane.id).map(|series_style| format!("--tone: var({})", series_style.token()))
    };
    let state = lane.read(|view| view.connection.name());
    view! {
        <section
            class="lane"
            style=series_style
            data-testid=move || format!("lane-{}", lane.mode.get().name())
            data-lane=lane.id.0
            data-state=state
            aria-label=move || format!("Lane {}", app.short_name(lane.id))
        >
            <LaneHeader lane/>
            <ConnectionNote lane/>
            <StageRow lane/>
            <div class="lane-details" id=details_id(lane) hidden=move || !lane.is_open.get()>
                <div class="lane-facts"><PathControl lane/><LossControls lane/><Fairness lane/></div>
                <Strip lane/>
                <LaneControls lane/>
                <Lifeline lane/>
                <LaneLinkStats lane/>
            </div>
        </section>
    }
}

/// Returns the element ID of the collapsible part.
pub fn details_id(lane: Lane) -> String {
    format!("lane-{}-details", lane.id.0)
}
