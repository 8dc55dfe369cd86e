//! Animated pipeline: tanks, and messages that move between them.

use leptos::prelude::*;

use crate::app::state::App;
use crate::charts::canvas::Canvas;
use crate::engine::lane::Lane;
use crate::features::pipeline::paint::StripPainter;

/// Positions of a lane's messages, replayed 0.85 s later; every dot is a real message.
#[component]
pub fn Strip(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let mut painter = StripPainter::new(app.engine(), lane.id);
    view! {
        <figure class="strip">
            <Canvas
                class="strip-canvas"
                label="Stages from the server's log to the consumer, with messages moving between them; the figures stand in the row above"
                painter=move |surface, frame| painter.paint(surface, frame)
            />
            <figcaption>
                "Each dot is a real message that has been consumed, shown 0.85 s later; paler when older, up to 3 s. A level is the square root of held ÷ bound."
            </figcaption>
        </figure>
    }
}
