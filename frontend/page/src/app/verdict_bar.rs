//! What the lanes show, in words.

use leptos::prelude::*;

use crate::app::state::App;
use crate::charts::scale::AgeAxis;
use crate::controls::segmented::Segmented;
use crate::verdict::Piece;

const AXES: [AgeAxis; 2] = [AgeAxis::Log, AgeAxis::Linear];

/// The verdict, and how the charts below are to be read.
#[component]
pub fn VerdictBar() -> impl IntoView {
    let app = expect_context::<App>();
    let pieces = move || {
        app.verdict
            .get()
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.into_any(),
                Piece::Number(number) => view! { <b>{number}</b> }.into_any(),
                Piece::Lane(at) => lane_name(app, at).into_any(),
            })
            .collect_view()
    };
    let chosen = move || AXES.iter().position(|axis| *axis == app.axis.get()).unwrap_or(0);
    let choose = move |at: usize| {
        if let Some(axis) = AXES.get(at) {
            app.axis.set(*axis);
        }
    };
    view! {
        <div class="verdict-bar">
            <p class="verdict" data-testid="verdict">{pieces}</p>
            <div
                class="legend"
                title="Each dot is a real message that has been consumed, shown 0.85 s later. It waits as long as it waited; where it took no time it moves just slowly enough to be seen."
            >
                <span class="ramp" aria-hidden="true"></span>
                <span>"fresh to 3 s old"</span>
            </div>
            <Segmented label="Axis of the age charts" options=vec!["Log", "Linear"] chosen=Signal::derive(chosen) on_choose=choose/>
        </div>
    }
}

fn lane_name(app: App, at: usize) -> impl IntoView {
    let lane = app.lanes.get().get(at).copied();
    lane.map(|lane| {
        let colour = move || app.tone(lane.id).map(|tone| format!("color: var({})", tone.token()));
        view! { <b style=colour>{move || app.short_name(lane.id)}</b> }
    })
}
