//! The lanes' ages in numbers.

use leptos::prelude::*;

use crate::app::state::App;
use crate::engine::lane::Lane;
use crate::engine::lane::LaneView;
use sluice_bridge::Ages;
use sluice_bridge::EpochStats;
use sluice_text::format;

/// A column of the table: its title, its test id, and what it shows, if anything was measured.
type Column = (&'static str, &'static str, fn(&LaneView) -> Option<u64>);

const WHOLE: [Column; 4] = [
    ("p50", "table-p50", |view| measured(&view.summary.epoch.latency, view.summary.epoch.latency.p50)),
    ("p95", "table-p95", |view| measured(&view.summary.epoch.latency, view.summary.epoch.latency.p95)),
    ("p99", "table-p99", |view| measured(&view.summary.epoch.latency, view.summary.epoch.latency.p99)),
    ("max", "table-max", |view| measured(&view.summary.epoch.latency, view.summary.epoch.latency.max)),
];
const PARTS: [Column; 3] = [
    ("server", "part-server", |view| {
        measured(&view.summary.epoch.latency_at_server, view.summary.epoch.latency_at_server.p99)
    }),
    ("transit", "part-transit", |view| {
        measured(&view.summary.epoch.latency_in_transit, view.summary.epoch.latency_in_transit.p99)
    }),
    ("inbox", "part-inbox", |view| {
        measured(&view.summary.epoch.latency_in_inbox, view.summary.epoch.latency_in_inbox.p99)
    }),
];

fn measured(ages: &Ages, micros: u64) -> Option<u64> {
    (ages.count >= EpochStats::ENOUGH).then_some(micros)
}

/// One row a lane: percentiles of the whole age, and the 99th percentile of each part of it.
#[component]
pub fn AgeTable() -> impl IntoView {
    let app = expect_context::<App>();
    let titles = WHOLE
        .into_iter()
        .chain(PARTS)
        .map(|(title, _, _)| view! { <th scope="col">{title}</th> })
        .collect_view();
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label="Latencies by lane">
            <table>
                <thead>
                    <tr>
                        <td></td>
                        <th colspan="4" scope="colgroup">"age when consumed"</th>
                        <th colspan="3" scope="colgroup">"p99 of the part spent at"</th>
                    </tr>
                    <tr><td></td>{titles}</tr>
                </thead>
                <tbody>
                    <For each=move || app.lanes.get() key=|lane| lane.id children=|lane| view! { <AgeRow lane/> }/>
                </tbody>
            </table>
        </div>
    }
}

/// One lane's row.
#[component]
fn AgeRow(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let colour = move || app.tone(lane.id).map(|tone| format!("--tone: var({})", tone.token()));
    let cells = WHOLE
        .into_iter()
        .chain(PARTS)
        .map(|(_, testid, read)| {
            let value = lane.read(read);
            let text = Signal::derive(move || value.get().map_or_else(|| "–".to_owned(), format::span));
            view! { <td data-testid=testid data-value=value>{text}</td> }
        })
        .collect_view();
    view! {
        <tr style=colour>
            <th scope="row"><span class="swatch" aria-hidden="true"></span>{move || app.short_name(lane.id)}</th>
            {cells}
        </tr>
    }
}
