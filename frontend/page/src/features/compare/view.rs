//! Compare view: the lanes' latency distributions as a chart and as numbers.

use leptos::prelude::*;

use crate::charts::canvas::Canvas;
use crate::features::compare::latency_table::LatencyTable;
use crate::features::compare::paint::{CurvePainter, LaneCurve};
use crate::features::lane_columns::lanes_with_styles;
use crate::features::lazy_host::Input;

/// Chart of the distributions, and the table of percentiles.
#[component]
pub fn CompareView() -> impl IntoView {
    let Input(input) = expect_context();
    let curves = Memo::new(move |_| {
        input.with(|input| {
            lanes_with_styles(input)
                .filter_map(|(lane, series_style)| LaneCurve::new(lane, series_style))
                .collect::<Vec<_>>()
        })
    });
    let mut painter = CurvePainter::new(curves);
    view! {
        <div class="latencies">
            <figure>
                <Canvas
                    class="curve-canvas"
                    label="Share of messages consumed within a latency, for each lane; the table has the numbers"
                    painter=move |surface, frame| painter.paint(surface, frame)
                />
                <figcaption>"messages consumed within a latency, since the last change"</figcaption>
            </figure>
            <LatencyTable/>
        </div>
    }
}
