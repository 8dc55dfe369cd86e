//! A lane's age chart.

use leptos::prelude::*;

use crate::app::state::App;
use crate::charts::canvas::Canvas;
use crate::engine::lane::Lane;
use crate::features::timeline::paint::AgePainter;

/// The age of a lane's messages when consumed, over the last 30 s.
#[component]
pub fn AgeChart(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let mut painter = AgePainter::new(app.engine(), lane.id);
    view! {
        <Canvas
            class="age-canvas"
            label="Age of messages when consumed over the last 30 s; its percentiles stand in the lane's head"
            title="Line: mean age of the messages consumed in 50 ms. Band: from the youngest to the oldest. Red ticks below: gaps. Marks on top: a stall ended"
            painter=move |surface, frame| painter.paint(surface, frame)
        />
    }
}
