//! Policies view: the results of all policies with the same feed and the same slow consumer, one row each.
//! Mounted by the lazy module; the race itself lives in its state and outlasts the view.

use leptos::prelude::*;

use crate::features::lazy_host::Input;
use crate::features::policies::model::Entry;
use crate::features::policies::model::Figures;
use crate::features::policies::model::Standing;
use crate::features::policies::state::Race;
use sluice_text::format;

/// Table column: title, test id, value if there is one, and the function that formats it.
type Column = (&'static str, &'static str, fn(&Figures) -> Option<u64>, fn(u64) -> String);

const COLUMNS: [Column; 8] = [
    ("latency p50", "race-p50", |figures| figures.latency.map(|ages| ages.p50), format::span),
    ("latency p99", "race-p99", |figures| figures.latency.map(|ages| ages.p99), format::span),
    ("consumed", "race-consumed", |figures| Some(figures.consumed), format::count),
    ("skipped", "race-gaps", |figures| figures.gaps, format::count),
    ("lost", "race-lost", |figures| figures.lost, format::count),
    ("server holds", "race-server", |figures| figures.server_peak_bytes, format::bytes),
    ("page holds", "race-page", |figures| Some(figures.page_peak_bytes), format::bytes),
    (
        "server's core",
        "race-core",
        |figures| figures.core_share.map(|share| (share * 1e3) as u64),
        |permille| format::percent(permille as f64 / 1e3),
    ),
];

/// Start button, and a row for each policy.
#[component]
pub fn PoliciesView() -> impl IntoView {
    let Input(input) = expect_context();
    let race = Race::shared();
    Effect::new(move |_| input.with(|input| race.follow_request(input)));
    let titles = || COLUMNS.map(|(title, ..)| view! { <th scope="col">{title}</th> }).collect_view();
    view! {
        <div class="card-head">
            <p class="hint">
                "On a lane of its own with the first lane's transport and path: 500 messages of 8 KB a second, and its consumer if that is slow, else one that computes 5 ms for each message. Six seconds for each policy, one after the other."
            </p>
            <button
                type="button"
                data-testid="race"
                data-value=move || race.is_running.get().to_string()
                disabled=move || race.is_running.get()
                on:click=move |_| input.with_untracked(|input| { race.start(input); })
            >
                {move || if race.is_running.get() { "Racing" } else { "Race the policies" }}
            </button>
        </div>
        <p class="hint">{move || race.obstacle.get()}</p>
        <Show when=move || race.entries.with(|entries| !entries.is_empty())>
            <div class="table-scroll" tabindex="0" role="region" aria-label="Policies compared">
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

/// Row of one policy.
#[component]
fn Row(
    /// Policy and its figures.
    entry: Entry,
) -> impl IntoView {
    let outcome = outcome(&entry);
    let cells = COLUMNS
        .map(|(_, testid, value, text)| {
            let value = entry.figures.as_ref().and_then(value);
            let shown = value.map_or_else(|| "–".to_owned(), text);
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

/// Returns the newest gap with its ids and its reason, or why the run ended.
fn outcome(entry: &Entry) -> String {
    let gap = entry.figures.and_then(|figures| figures.gap).map_or_else(String::new, |gap| {
        format!("last gap: stream {}, {} to {}, {}", gap.stream, gap.first, gap.last, gap.reason.name())
    });
    match &entry.standing {
        Standing::Waits => "waits for its turn".to_owned(),
        Standing::Runs => "runs".to_owned(),
        Standing::Done => {
            let reservation = entry.figures.as_ref().and_then(Figures::reservation);
            let parts = [reservation.unwrap_or_default(), gap];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
        }
        Standing::Ended(reason) => reason.clone(),
    }
}
