//! A lane's headline numbers.

use leptos::prelude::*;
use sluice_shared::wire::GapReason;

use crate::controls::number::Number;
use crate::engine::lane::Lane;
use crate::engine::lane::LaneView;
use sluice_text::format;

/// Ages, consumption, and what went missing or stood still.
#[component]
pub fn LaneNumbers(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let fixed = |title: &'static str| Signal::stored(title.to_owned());
    let never = Signal::stored(false);
    view! {
        <dl class="numbers">
            <Number
                label="age p50"
                testid="age-p50"
                title=fixed("Half of the messages of the last 30 s were no older when consumed")
                value=lane.read(|view| view.summary.age.p50)
                text=lane.read(|view| age(view, view.summary.age.p50))
                bad=never
            />
            <Number
                label="age p99"
                testid="age-p99"
                title=fixed("99 of 100 messages of the last 30 s were no older when consumed")
                value=lane.read(|view| view.summary.age.p99)
                text=lane.read(|view| age(view, view.summary.age.p99))
                bad=never
            />
            <Number
                label="consumed"
                testid="consumed"
                title=lane.read(|view| {
                    format!("{} messages consumed since the last reset", format::count(view.summary.consumed.messages))
                })
                value=lane.read(|view| view.summary.consumed.messages)
                rate=lane.read(|view| view.summary.consumed_per_second.messages)
                text=lane.read(|view| format::per_second(view.summary.consumed_per_second.messages))
                bad=never
            />
            <Number
                lesser=true
                label="in gaps"
                testid="gaps"
                title=lane.read(gap_reasons)
                value=lane.read(gaps)
                text=lane.read(|view| format::count(gaps(view)))
                bad=lane.read(|view| gaps(view) > 0)
            />
            <Number
                lesser=true
                label="lost"
                testid="lost"
                title=fixed("Messages that never came and that no gap explains")
                value=lane.read(|view| view.summary.lost)
                text=lane.read(|view| format::count(view.summary.lost))
                bad=lane.read(|view| view.summary.lost > 0)
            />
            <Number
                lesser=true
                label="stalls"
                testid="stalls"
                title=fixed("Times that nothing was consumed for 100 ms although messages waited")
                value=lane.read(|view| view.summary.stalls)
                text=lane.read(|view| format::count(view.summary.stalls))
                bad=never
            />
            <Number
                lesser=true
                label="reconnects"
                testid="reconnects"
                title=fixed("Connections after the first")
                value=lane.read(|view| view.summary.reconnects)
                text=lane.read(|view| format::count(view.summary.reconnects))
                bad=never
            />
        </dl>
    }
}

fn age(view: &LaneView, micros: u64) -> String {
    if view.summary.age.count > 0 { format::span(micros) } else { "–".to_owned() }
}

fn gaps(view: &LaneView) -> u64 {
    view.summary.gaps.iter().sum()
}

fn gap_reasons(view: &LaneView) -> String {
    let told = GapReason::ALL.iter().zip(view.summary.gaps).filter(|(_, messages)| *messages > 0);
    let told: Vec<_> =
        told.map(|(reason, messages)| format!("{} {}", format::count(messages), reason.name())).collect();
    if told.is_empty() {
        "Messages that did not come, each with its reason".to_owned()
    } else {
        told.join(", ")
    }
}
