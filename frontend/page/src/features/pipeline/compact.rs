//! Compact stages of a lane: one row of bars with figures, always visible.

use leptos::prelude::*;
use sluice_text::decimal::fixed;

use crate::engine::lane::Lane;
use crate::features::pipeline::levels::{Place, height_from_share, is_overflowing, share};
use crate::features::pipeline::stage::{GateValue, HopValue};

/// All stages from the server's log to the consumer, from left to right.
#[component]
pub fn StageRow(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let stages = Place::ALL
        .map(|place| {
            let percent = Signal::derive(move || {
                lane.view.with(|view| fixed(height_from_share(share(place, &view.summary, &view.relay)) * 100.0, 0))
            });
            let is_overflowing = move || {
                let share = lane.view.with(|view| share(place, &view.summary, &view.relay));
                is_overflowing(place, share, lane.policy.get())
            };
            let value = match place {
                Place::Credit => view! { <GateValue lane/> }.into_any(),
                Place::Backlog
                | Place::PolicyQueue
                | Place::Transport
                | Place::RelayQueue
                | Place::Wire
                | Place::Transit
                | Place::Inbox
                | Place::Consumer => view! { <HopValue lane place/> }.into_any(),
            };
            view! {
                <li class="stage" class:credit=place == Place::Credit class:overflowing=is_overflowing>
                    <span class="level" aria-hidden="true" style=move || format!("--level: {}%", percent.get())></span>
                    {value}
                    <span class="stage-name" tabindex="0" data-tip=place.explanation()>{place.title()}</span>
                </li>
            }
        })
        .collect_view();
    view! { <ol class="stages" aria-label="Where this lane's messages wait">{stages}</ol> }
}
