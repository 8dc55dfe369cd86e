//! All policies with the same feed and the same slow consumer.

use leptos::prelude::*;

use crate::app::state::App;
use crate::features::policies::model::Entry;
use crate::features::policies::model::Figures;
use crate::features::policies::model::Standing;
use sluice_text::format;

/// A column: its title, its test id, its value for tests, and its text.
type Column = (&'static str, &'static str, fn(&Figures) -> u64, fn(&Figures) -> String);

const COLUMNS: [Column; 8] = [
    ("age p50", "race-p50", |figures| figures.age_p50, |figures| format::span(figures.age_p50)),
    ("age p99", "race-p99", |figures| figures.age_p99, |figures| format::span(figures.age_p99)),
    ("consumed", "race-consumed", |figures| figures.consumed, |figures| format::count(figures.consumed)),
    ("in gaps", "race-gaps", |figures| figures.gaps, |figures| format::count(figures.gaps)),
    ("lost", "race-lost", |figures| figures.lost, |figures| format::count(figures.lost)),
    (
        "server holds",
        "race-server",
        |figures| figures.server_peak_bytes,
        |figures| format::bytes(figures.server_peak_bytes),
    ),
    (
        "page holds",
        "race-page",
        |figures| figures.page_peak_bytes,
        |figures| format::bytes(figures.page_peak_bytes),
    ),
    (
        "server's core",
        "race-core",
        |figures| (figures.core_share * 1e3) as u64,
        |figures| format::percent(figures.core_share),
    ),
];

/// A button, and a row for each policy.
#[component]
pub fn PoliciesPanel() -> impl IntoView {
    let app = expect_context::<App>();
    let race = app.race;
    let titles = || COLUMNS.map(|(title, ..)| view! { <th scope="col">{title}</th> }).collect_view();
    view! {
        <div class="card-head">
            <p class="hint">
                "The first lane's transport and feed, with its consumer if that is slow, else one that computes 5 ms for each message. Six seconds for each policy, one after the other."
            </p>
            <button
                type="button"
                data-testid="race"
                data-value=move || race.is_running.get().to_string()
                disabled=move || race.is_running.get()
                on:click=move |_| race.start(app)
            >
                {move || if race.is_running.get() { "Racing" } else { "Race the policies" }}
            </button>
        </div>
        <p class="hint">{move || race.obstacle.get()}</p>
        <Show when=move || race.entries.with(|entries| !entries.is_empty())>
            <div class="table-scroll">
                <table class="race">
                    <thead>
                        <tr><td></td>{titles()}<th scope="col">"what happened"</th></tr>
                    </thead>
                    <tbody>
                        {move || race.entries.get().into_iter().map(|entry| view! { <Row entry/> }).collect_view()}
                    </tbody>
                </table>
            </div>
        </Show>
    }
}

/// One policy's row.
#[component]
fn Row(
    /// The policy and what it has reached.
    entry: Entry,
) -> impl IntoView {
    let outcome = outcome(&entry);
    let cells = COLUMNS
        .map(|(_, testid, value, text)| {
            let shown = entry.figures.as_ref().map_or_else(|| "–".to_owned(), text);
            let value = entry.figures.as_ref().map(value);
            let is_bad = testid == "race-lost" && value.is_some_and(|lost| lost > 0);
            view! { <td data-testid=testid data-value=value class:bad=is_bad>{shown}</td> }
        })
        .collect_view();
    view! {
        <tr
            data-testid=format!("race-{}", entry.policy.name())
            data-state=entry.standing.name()
            class:exhibit=entry.policy.is_exhibit()
        >
            <th scope="row">{entry.policy.to_string()}</th>
            {cells}
            <td class="words">{outcome}</td>
        </tr>
    }
}

/// The newest gap with its ids and its reason, or how it ended.
fn outcome(entry: &Entry) -> String {
    let gap = entry.figures.and_then(|figures| figures.gap).map_or_else(String::new, |gap| {
        format!("last gap: stream {}, {} to {}, {}", gap.stream, gap.first, gap.last, gap.reason.name())
    });
    match &entry.standing {
        Standing::Waits => "waits for its turn".to_owned(),
        Standing::Runs => "runs".to_owned(),
        Standing::Done => gap,
        Standing::Ended(reason) => reason.clone(),
    }
}
