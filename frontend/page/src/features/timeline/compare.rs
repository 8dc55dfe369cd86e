//! The lanes' ages against each other.

use leptos::prelude::*;

use crate::app::state::App;
use crate::charts::canvas::Canvas;
use crate::features::timeline::distribution_paint::CurvePainter;
use crate::features::timeline::latency_table::AgeTable;

/// The age distributions, drawn and in numbers.
#[component]
pub fn Compare() -> impl IntoView {
    let app = expect_context::<App>();
    let mut painter = CurvePainter::new(app.engine());
    view! {
        <div class="ages">
            <figure>
                <Canvas
                    class="curve-canvas"
                    label="Share of messages consumed within an age, for each lane; the table has the numbers"
                    painter=move |surface, frame| painter.paint(surface, frame)
                />
                <figcaption>"messages consumed within an age, last 30 s"</figcaption>
            </figure>
            <AgeTable/>
        </div>
    }
}
