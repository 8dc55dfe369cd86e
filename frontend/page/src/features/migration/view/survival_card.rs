//! Card of the survival of connections in outages, as a chart and a table. Hidden until the first outage.

use leptos::html;
use leptos::prelude::*;
use sluice_bridge::{View, ViewAction};
use sluice_text::decimal::short;
use sluice_text::format;

use super::drawing_view::{DrawingView, MeaningList, width_of};
use crate::features::lazy_host::Actions;
use crate::features::migration::drawing::survival_chart;
use crate::features::migration::model::survival::{Survival, SurvivalSummary};
use crate::features::migration::state::MigrationState;

/// Card of this lab's outages; empty before the first.
#[component]
pub(super) fn SurvivalCard() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let has_any = Memo::new(move |_| !state.survival.with(Survival::is_empty));
    view! {
        <Show when=move || has_any.get()>
            <section class="ladder-card" aria-label="Survival of tunnels">
                <h3>"Tunnels"</h3>
                <SurvivalChart/>
                <SurvivalTable/>
                <SurvivalNotes/>
            </section>
        </Show>
    }
}

#[component]
fn SurvivalChart() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let node = NodeRef::<html::Div>::new();
    let width = width_of(node);
    let rows = Memo::new(move |_| state.survival.with(Survival::rows));
    let drawing = Memo::new(move |_| Some(rows.with(|rows| survival_chart::drawing(rows, width.get()))));
    view! {
        <div class="moving-box" node_ref=node data-testid="survival"><DrawingView drawing/></div>
        <p class="legend marks">
            <span class="survived">"the connection survived"</span>
            <span class="died">"it died, and the lane resumed over another one"</span>
            <span class="switched">"diamond: another address at the end"</span>
            <span>"figure: from the tunnel's end to the first data"</span>
        </p>
        <MeaningList drawing summary="Outcomes as a list"/>
    }
}

#[component]
fn SurvivalTable() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let summaries = Memo::new(move |_| {
        state.lanes.with(|lanes| state.survival.with(|survival| survival.summaries(lanes)))
    });
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label="Survival of lanes">
            <table class="proof" aria-label="Survival of tunnels by kind of lane">
                <thead>
                    <tr>
                        <td></td>
                        <th scope="col">"survived"</th>
                        <th scope="col">"first data" <small>"p50 after the tunnel's end"</small></th>
                        <th scope="col">"by resume" <small>"p50, where it had died"</small></th>
                        <th scope="col">"lanes' lost" <small>"so far, without a reported gap"</small></th>
                    </tr>
                </thead>
                <tbody>{move || summaries.get().iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

fn row(summary: &SurvivalSummary) -> impl IntoView + use<> {
    let id = |part: &str| ["survival-", &summary.name(), "-", part].concat();
    let seconds = |micros: u64| short(micros as f64 / 1e6) + "\u{a0}s";
    let length = |part, words: &str, micros: Option<u64>| {
        let text = [words, &seconds(micros?)].concat();
        Some(view! { <small class="part" data-testid=id(part) data-value=micros>{text}</small> })
    };
    let up_to = length("up-to", "up to ", summary.up_to_micros);
    let died_from = length("died-from", "died from ", summary.died_from_micros);
    let cell = |part, value: Option<u64>, text: fn(u64) -> String| {
        let shown = value.map_or_else(|| "–".to_owned(), text);
        view! { <td data-testid=id(part) data-value=value>{shown}</td> }
    };
    let survived = [&*summary.survived.to_string(), " of ", &summary.decided.to_string()].concat();
    view! {
        <tr>
            <th scope="row">
                {summary.kind.title()}
                {summary.is_switched.then(|| view! { <small>"another address"</small> })}
                {(summary.open > 0).then(|| view! { <small>"not back yet"</small> })}
            </th>
            <td data-testid=id("survived") data-value=summary.survived>{survived}{up_to}{died_from}</td>
            {cell("first-data", summary.first_data_micros, format::span)}
            {cell("resumed", summary.resumed_micros, format::span)}
            {cell("lost", summary.lost, format::count)}
        </tr>
    }
}

#[component]
fn SurvivalNotes() -> impl IntoView {
    let actions = expect_context::<Actions>();
    let open = move |_| actions.send(&ViewAction::Open(View::Continuity));
    view! {
        <p class="hint">
            "Every tunnel of this lab is shown as its network recorded it: first data is the first payload after the tunnel that reached a client which was still there to answer. Chromium gives up a QUIC connection after 6.4 to 7.8\u{a0}s of silence, whatever its settings (shaded). Until then it matters how soon the server tries the path again: once all that its window allows is under way, it waits for probes that come ever more rarely. A larger window (256\u{a0}KiB) is full later; BBR's follows the rate that it has measured. Where a connection died, resume takes over: whether anything was lost is proved in "
            <button type="button" class="link" on:click=open>"the Continuity panel"</button>
            "."
        </p>
    }
}
