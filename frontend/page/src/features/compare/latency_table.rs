//! Latency percentiles of the lanes.

use leptos::prelude::*;
use sluice_bridge::{Ages, EpochStats};
use sluice_text::format;

use crate::features::lane_columns::{EachLane, SnapshotLane};

/// Column: title, test id, and value in microseconds.
type Column = (&'static str, &'static str, fn(&EpochStats) -> (&Ages, u64));

const WHOLE: [Column; 4] = [
    ("p50", "table-p50", |stats| (&stats.latency, stats.latency.p50)),
    ("p95", "table-p95", |stats| (&stats.latency, stats.latency.p95)),
    ("p99", "table-p99", |stats| (&stats.latency, stats.latency.p99)),
    ("max", "table-max", |stats| (&stats.latency, stats.latency.max)),
];
const PARTS: [Column; 3] = [
    ("server", "part-server", |stats| (&stats.latency_at_server, stats.latency_at_server.p99)),
    ("transit", "part-transit", |stats| (&stats.latency_in_transit, stats.latency_in_transit.p99)),
    ("inbox", "part-inbox", |stats| (&stats.latency_in_inbox, stats.latency_in_inbox.p99)),
];

/// Row for each lane: percentiles of the total latency, and the 99th percentile of each of its parts.
#[component]
pub fn LatencyTable() -> impl IntoView {
    let titles = WHOLE
        .into_iter()
        .chain(PARTS)
        .map(|(title, _, _)| view! { <th scope="col">{title}</th> })
        .collect_view();
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label="Latency in numbers">
            <table class="percentiles">
                <thead>
                    <tr>
                        <td></td>
                        <th colspan="4" scope="colgroup">"latency when consumed"</th>
                        <th colspan="3" scope="colgroup">"p99 of the part spent at"</th>
                    </tr>
                    <tr><td></td>{titles}</tr>
                </thead>
                <tbody>
                    <EachLane render=|lane| view! { <LatencyRow lane/> }.into_any()/>
                </tbody>
            </table>
        </div>
    }
}

/// Row of one lane.
#[component]
fn LatencyRow(
    /// The lane.
    lane: SnapshotLane,
) -> impl IntoView {
    let cells = WHOLE
        .into_iter()
        .chain(PARTS)
        .map(|(_, testid, read)| {
            let value = move || lane.read(|lane| measured(read(&lane.summary.epoch)));
            let text = move || value().map_or_else(|| "–".to_owned(), format::span);
            view! { <td data-testid=testid data-value=value>{text}</td> }
        })
        .collect_view();
    view! {
        <tr style=move || lane.style()>
            <th scope="row"><span class="swatch" aria-hidden="true"></span>{move || lane.name()}</th>
            {cells}
        </tr>
    }
}

/// Returns a value of a latency with enough samples.
fn measured((latency, micros): (&Ages, u64)) -> Option<u64> {
    (latency.count >= EpochStats::ENOUGH).then_some(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_messages_have_no_percentiles() {
        let latency = |count| Ages { count, p50: 7, ..Ages::default() };
        assert_eq!(measured((&latency(EpochStats::ENOUGH), 7)), Some(7));
        assert_eq!(measured((&latency(EpochStats::ENOUGH - 1), 7)), None);
    }
}
