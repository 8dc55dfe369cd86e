//! Cards of replays, hostile datagrams and facts, below the table of probes. Each one is hidden while the
//! newest report has no data for it.

use std::sync::Arc;

use leptos::prelude::*;
use sluice_shared::handshake::{Fact, HandshakeReport};

use crate::features::handshakes::model::proofs::{
    GuardRow, HostileSummary, ReplayCell, guard_rows, hostile_summary,
};
use crate::features::handshakes::state::HandshakesState;

/// Reads a part of the newest report; `None` while there is no report.
fn of_report<T>(select: impl FnOnce(&Arc<HandshakeReport>) -> T) -> Option<T> {
    HandshakesState::shared().report.with(|report| report.as_ref().map(select))
}

/// Results of replayed first flights, by the server's guard.
#[component]
pub fn ReplaysCard() -> impl IntoView {
    let rows = || {
        let rows = of_report(|report| (!report.replays.is_empty()).then(|| guard_rows(&report.replays)));
        rows.flatten()
    };
    view! {
        {move || rows().map(|rows| view! {
            <section aria-labelledby="replays-title">
                <h3 id="replays-title">"Replayed first flights"</h3>
                <p>"A POST in early data is captured at the link and sent again from elsewhere. Its effect has to happen once."</p>
                <div class="table-scroll" tabindex="0" role="region" aria-label="Effects of replays">
                    <table class="proof">
                        <caption>"Effects by what guards the server"</caption>
                        <thead>
                            <tr>
                                <th scope="col">"guard"</th>
                                <th scope="col">"HTTP/2 early data"</th>
                                <th scope="col">"HTTP/3 0-RTT"</th>
                            </tr>
                        </thead>
                        <tbody>{rows.map(|row| view! { <GuardTableRow row/> }).collect_view()}</tbody>
                    </table>
                </div>
            </section>
        })}
    }
}

/// Row of a server with one guard.
#[component]
fn GuardTableRow(
    /// The guard.
    row: GuardRow,
) -> impl IntoView {
    let sides = row
        .sides
        .map(|side| match side {
            Some(ReplayCell { testid, effects, detail }) => view! {
                <td data-testid=testid data-value=effects.count class:bad=effects.is_double>
                    {effects.text}
                    <small>{detail}</small>
                </td>
            }
            .into_any(),
            None => view! { <td>"–"</td> }.into_any(),
        })
        .collect_view();
    view! { <tr class:exhibit=row.is_fault><th scope="row">{row.title}</th>{sides}</tr> }
}

/// Results of datagrams that no peer sends.
#[component]
pub fn HostileCard() -> impl IntoView {
    let summary = || of_report(|report| report.hostile.as_ref().map(hostile_summary)).flatten();
    view! { {move || summary().map(|summary| view! { <HostileSection summary/> })} }
}

/// The honest client, the datagrams sent at the same time, and the server's responses.
#[component]
fn HostileSection(
    /// Content of the section.
    summary: HostileSummary,
) -> impl IntoView {
    let sent = summary.sent.map(|(count, kind)| view! { <li><b>{count}</b>" "{kind}</li> }).collect_view();
    view! {
        <section aria-labelledby="hostile-title">
            <h3 id="hostile-title">"Datagrams that no peer sends"</h3>
            <p data-testid="hostile" data-value=summary.honest_answers class:bad=summary.is_harmed>
                {summary.honest_text}
            </p>
            <ul class="hostile">{sent}</ul>
            <p>{summary.answers_text}</p>
        </section>
    }
}

/// Facts of both stacks, as measured and as specified by the standards.
#[component]
pub fn FactsCard() -> impl IntoView {
    let facts = || {
        let facts = of_report(|report| report.facts.clone()).filter(|facts| !facts.is_empty());
        facts.map(|facts| facts.into_iter().map(|fact| view! { <FactRow fact/> }).collect_view())
    };
    view! {
        {move || facts().map(|facts| view! {
            <section aria-labelledby="facts-title">
                <h3 id="facts-title">"The table"</h3>
                <div class="table-scroll" tabindex="0" role="region" aria-label="Comparison of both stacks">
                    <table class="facts">
                        <caption>"Both stacks as measured, and what the standards say"</caption>
                        <thead>
                            <tr>
                                <th scope="col">"subject"</th>
                                <th scope="col">"HTTP/2 over TCP"</th>
                                <th scope="col">"HTTP/3 over QUIC"</th>
                                <th scope="col">"what the standards say"</th>
                            </tr>
                        </thead>
                        <tbody>{facts}</tbody>
                    </table>
                </div>
            </section>
        })}
    }
}

/// Row of one fact.
#[component]
fn FactRow(
    /// Fact.
    fact: Fact,
) -> impl IntoView {
    // Narrow windows show the column's name before each cell, through CSS.
    view! {
        <tr data-testid=["fact-", &fact.name].concat()>
            <th scope="row">{fact.title}</th>
            <td data-of="HTTP/2">{fact.tcp}</td>
            <td data-of="HTTP/3">{fact.quic}</td>
            <td data-of="standards">{fact.standard}</td>
        </tr>
    }
}
