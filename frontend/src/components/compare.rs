//! The lanes against each other, and what has happened.

use leptos::prelude::*;

use super::age_table::AgeTable;
use super::canvas::Canvas;
use super::log_view::LogView;
use super::segmented::Segmented;
use crate::chart::curve::CurvePainter;
use crate::state::App;

/// Compare and log, one at a time.
#[component]
pub fn Compare() -> impl IntoView {
    let shown = RwSignal::new(0usize);
    view! {
        <section class="card compare">
            <Segmented label="Panel" options=vec!["Compare", "Log"] chosen=shown on_choose=move |at| shown.set(at)/>
            <Show when=move || shown.get() == 0 fallback=|| view! { <LogView/> }>
                <Ages/>
            </Show>
        </section>
    }
}

/// The age distributions, drawn and in numbers.
#[component]
fn Ages() -> impl IntoView {
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
