//! One lane.

use leptos::prelude::*;

use crate::app::state::App;
use crate::engine::lane::Lane;
use crate::features::connection::view::Lifeline;
use crate::features::lanes::connection_state::ConnectionNote;
use crate::features::lanes::lane_controls::LaneControls;
use crate::features::lanes::lane_header::LaneHeader;
use crate::features::network::lane_view::LaneWeather;
use crate::features::pipeline::view::Strip;
use crate::features::timeline::view::AgeChart;

/// A lane from its head to its age chart, in its colour.
#[component]
pub fn LaneRow(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let tone = move || app.tone(lane.id).map(|tone| format!("--tone: var({})", tone.token()));
    let state = lane.read(|view| view.connection.name());
    view! {
        <section
            class="card lane"
            style=tone
            data-testid=move || format!("lane-{}", lane.mode.get().name())
            data-lane=lane.id.0
            data-state=state
            aria-label=move || format!("Lane {}", app.short_name(lane.id))
        >
            <LaneHeader lane/>
            <ConnectionNote lane/>
            <Strip lane/>
            <LaneControls lane/>
            <AgeChart lane/>
            <Lifeline lane/>
            <LaneWeather lane/>
        </section>
    }
}
