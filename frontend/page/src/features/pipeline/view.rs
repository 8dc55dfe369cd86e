//! The strip of hops.

use leptos::prelude::*;

use crate::app::state::App;
use crate::charts::canvas::Canvas;
use crate::engine::lane::Lane;
use crate::features::pipeline::levels::Place;
use crate::features::pipeline::paint::StripPainter;
use crate::features::pipeline::stage::GateValue;
use crate::features::pipeline::stage::HopValue;

/// Where a lane's messages are: names above, tanks and messages on a canvas, numbers below. The same place stands
/// under the same place in all lanes.
#[component]
pub fn Strip(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let mut painter = StripPainter::new(app.engine(), lane.id);
    let titles = Place::ALL
        .map(|place| view! { <span title=place.explanation()>{place.title()}</span> })
        .collect_view();
    let values = Place::ALL
        .map(|place| match place {
            Place::Credit => view! { <GateValue lane/> }.into_any(),
            Place::Backlog
            | Place::PolicyQueue
            | Place::Transport
            | Place::RelayQueue
            | Place::Wire
            | Place::Transit
            | Place::Inbox
            | Place::Consumer => view! { <HopValue lane place/> }.into_any(),
        })
        .collect_view();
    view! {
        <div class="strip">
            <div class="hop-titles">{titles}</div>
            <Canvas
                class="strip-canvas"
                label="Tanks from the server's hub to the consumer, with messages moving between them; the numbers follow"
                painter=move |surface, frame| painter.paint(surface, frame)
            />
            <div class="hop-values">{values}</div>
        </div>
    }
}
