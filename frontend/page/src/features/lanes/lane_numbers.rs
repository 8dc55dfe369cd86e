//! Headline numbers of a lane, part of its header. They cover the epoch since the last change, except for
//! losses without a report, whose total stays visible.

use leptos::prelude::*;
use sluice_shared::wire::GapReason;

use crate::controls::number::Number;
use crate::engine::lane::Lane;
use crate::engine::lane::LaneView;
use sluice_bridge::Ages;
use sluice_bridge::Connection;
use sluice_bridge::Summary;
use sluice_text::format;

/// Latency and throughput since the last change, with losses, gaps and stalls.
///
/// The raw value of a count is its total since the last reset; the text shows the count since the last
/// change, whose test id ends in `-epoch`. Messages lost without a report are not forgotten with a change:
/// their total is shown.
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
                label="latency p50"
                testid="age-p50"
                title=fixed("Half of the messages published since the last change took no longer; of the last 30 s at most")
                value=lane.read(|view| latency(view).map(|ages| ages.p50))
                text=lane.read(|view| latency_text(view, |ages| ages.p50))
                bad=never
            />
            <Number
                label="latency p99"
                testid="age-p99"
                title=fixed("99 of 100 messages published since the last change took no longer; of the last 30 s at most")
                value=lane.read(|view| latency(view).map(|ages| ages.p99))
                text=lane.read(|view| latency_text(view, |ages| ages.p99))
                bad=never
            />
            <Number
                label="consumed"
                testid="consumed"
                title=lane.read(|view| {
                    let Summary { consumed, epoch, .. } = &view.summary;
                    since_text("messages consumed", epoch.consumed.messages, consumed.messages)
                })
                value=lane.read(|view| Some(view.summary.consumed.messages))
                shown=("rate", lane.read(rate))
                text=lane.read(|view| rate(view).map_or_else(|| "–".to_owned(), format::per_second))
                bad=never
            />
            <Number
                lesser=true
                label="skipped"
                testid="gaps"
                title=lane.read(gap_reasons)
                value=lane.read(|view| Some(view.summary.gaps.iter().sum()))
                shown=("epoch", lane.read(|view| Some(view.summary.epoch.gaps_total())))
                text=lane.read(|view| format::count(view.summary.epoch.gaps_total()))
                bad=never
            />
            <Number
                lesser=true
                label="lost"
                testid="lost"
                title=lane.read(|view| {
                    since_text("messages never came, unreported", view.summary.epoch.lost, view.summary.lost)
                })
                value=lane.read(|view| Some(view.summary.lost))
                text=lane.read(|view| format::count(view.summary.lost))
                bad=lane.read(|view| view.summary.lost > 0)
            />
            <Number
                lesser=true
                label="stalls"
                testid="stalls"
                title=lane.read(|view| {
                    let what = "times nothing was consumed for 100 ms although messages waited";
                    since_text(what, view.summary.epoch.stalls, view.summary.stalls)
                })
                value=lane.read(|view| Some(view.summary.stalls))
                shown=("epoch", lane.read(|view| Some(view.summary.epoch.stalls)))
                text=lane.read(|view| format::count(view.summary.epoch.stalls))
                bad=never
            />
            <Number
                lesser=true
                label="reconnects"
                testid="reconnects"
                title=lane.read(|view| {
                    let what = "reconnects after a loss";
                    since_text(what, view.summary.epoch.reconnects, view.summary.reconnects)
                })
                value=lane.read(|view| Some(view.summary.reconnects))
                shown=("epoch", lane.read(|view| Some(view.summary.epoch.reconnects)))
                text=lane.read(|view| format::count(view.summary.epoch.reconnects))
                bad=never
            />
        </dl>
    }
}

fn latency(view: &LaneView) -> Option<&Ages> {
    view.summary.epoch.measured()
}

/// Formats a percentile, or the reason why there is none yet.
fn latency_text(view: &LaneView, percentile: fn(&Ages) -> u64) -> String {
    match (latency(view), &view.connection) {
        (Some(ages), _) => format::span(percentile(ages)),
        (None, Connection::Open { .. }) => "measuring…".to_owned(),
        (
            None,
            Connection::Idle
            | Connection::Connecting { .. }
            | Connection::Waiting { .. }
            | Connection::Failed { .. },
        ) => "–".to_owned(),
    }
}

fn rate(view: &LaneView) -> Option<u64> {
    view.summary.consumed_per_second.map(|amount| amount.messages)
}

fn since_text(what: &str, in_epoch: u64, in_total: u64) -> String {
    format!(
        "{} {what} since the last change, {} since the last reset",
        format::count(in_epoch),
        format::count(in_total)
    )
}

fn gap_reasons(view: &LaneView) -> String {
    let Summary { gaps, epoch, .. } = &view.summary;
    let reasons = GapReason::ALL.iter().zip(epoch.gaps).filter(|(_, messages)| *messages > 0);
    let reasons: Vec<_> =
        reasons.map(|(reason, messages)| format!("{} {}", format::count(messages), reason.name())).collect();
    let total = format::count(gaps.iter().sum());
    if reasons.is_empty() {
        format!("Messages that did not come, each with its reason; {total} since the last reset")
    } else {
        format!("{}; {total} since the last reset", reasons.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::mode::Mode;
    use sluice_shared::time::Time;

    use super::*;

    fn view(count: u64, connection: Connection) -> LaneView {
        let mut view = LaneView { connection, ..LaneView::default() };
        view.summary.epoch.latency = Ages { count, p50: 4_000, p95: 5_000, p99: 6_000, max: 7_000 };
        view
    }

    #[test]
    fn a_percentile_of_few_messages_is_not_shown() {
        let open = || Connection::Open { since: Time::ZERO, ready_after_micros: 1, mode: Mode::WebSocket };
        let text = |view: &LaneView| latency_text(view, |ages| ages.p99).replace('\u{a0}', " ");
        assert_eq!(text(&view(35, open())), "measuring…");
        assert_eq!(text(&view(36, open())), "6.0 ms");
        assert_eq!(text(&view(0, Connection::Idle)), "–", "nothing will be measured");
        assert_eq!(latency(&view(0, open())), None, "no latency is not a latency of zero");
    }

    #[test]
    fn a_rate_before_the_first_second_is_unknown() {
        let mut lane = view(0, Connection::Idle);
        assert_eq!(rate(&lane), None);
        lane.summary.consumed_per_second = Some(sluice_shared::units::Amount::new(7, 70));
        assert_eq!(rate(&lane), Some(7));
    }
}
