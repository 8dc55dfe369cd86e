//! Table of probes with the times and the round trips of both stacks. Selecting a row selects the pair shown
//! in the ladder.

use leptos::prelude::*;

use crate::features::handshakes::model::probe_table::{
    EarlyCell, EffectCount, PairRow, ProbeCells, TimeCell, pair_rows,
};
use crate::features::handshakes::state::HandshakesState;

/// Row for each pair, one of which is selected for the ladder.
#[component]
pub fn ProbeTable() -> impl IntoView {
    let state = HandshakesState::shared();
    let rows = || {
        let rows = state.report.with(|report| report.as_ref().map(|report| pair_rows(report)));
        rows.unwrap_or_default().into_iter().map(|row| view! { <PairRows row/> }).collect_view()
    };
    let columns = || {
        ["secure", "first byte", "sent + received", "early data"]
            .map(|title| view! { <th scope="col">{title}</th> })
            .collect_view()
    };
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label="Measured handshakes">
            <table class="probes">
                <caption>
                    "Median times from the client's first packet: "<b>"secure"</b>" to the server's Finished, "
                    <b>"first byte"</b>" to the first byte of the final answer; with the round trips counted from the packets, beside the count that the standards lead to expect. "
                    <b>"Sent + received"</b>": IP packets and their bytes until the first byte. Press a name to see its packets below."
                </caption>
                <thead>
                    <tr>
                        <td></td>
                        <th scope="colgroup" colspan="4">"HTTP/2 over TCP and TLS 1.3"</th>
                        <th scope="colgroup" colspan="4">"HTTP/3 over QUIC"</th>
                    </tr>
                    <tr><th scope="col">"case"</th>{columns()}{columns()}</tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

/// Row of a pair, and below it the points at which its runs stopped.
#[component]
fn PairRows(
    /// Pair.
    row: PairRow,
) -> impl IntoView {
    let state = HandshakesState::shared();
    let PairRow { pair, title, sides, stops } = row;
    let is_chosen = move || state.pair.with(|chosen| *chosen == pair);
    let sides = sides
        .map(|side| match side {
            Some(cells) => view! { <SideCells cells/> }.into_any(),
            None => view! { <td colspan="4">"–"</td> }.into_any(),
        })
        .collect_view();
    let stops = stops
        .into_iter()
        .map(|stop| {
            let testid = ["handshake-", stop.name, "-stop"].concat();
            view! { <tr class="stop"><td colspan="9" data-testid=testid data-value=stop.runs>{stop.text}</td></tr> }
        })
        .collect_view();
    view! {
        <tr
            class="pair"
            data-testid=["pair-", pair.name()].concat()
            aria-current=move || is_chosen().then_some("true")
            on:click=move |_| state.choose_pair(pair)
        >
            <th scope="row">
                <button type="button" aria-pressed=move || is_chosen().to_string()>{title}</button>
            </th>
            {sides}
        </tr>
        {stops}
    }
}

/// Four cells of a probe.
#[component]
fn SideCells(
    /// Content of the cells.
    cells: ProbeCells,
) -> impl IntoView {
    let ProbeCells { name, secure, first_byte, packets, packets_text, bytes_text, early } = cells;
    let testid = |what: &str| ["handshake-", name, "-", what].concat();
    view! {
        <TimeTd testid=testid("secure") cell=secure/>
        <TimeTd testid=testid("first-byte") cell=first_byte/>
        <td data-testid=testid("packets") data-value=packets>{packets_text}<small>{bytes_text}</small></td>
        <EarlyTd name cell=early/>
    }
}

/// Cell of a time with its round trips, measured and expected.
#[component]
fn TimeTd(
    /// Test id.
    testid: String,
    /// Time; `None` if no run got that far.
    cell: Option<TimeCell>,
) -> impl IntoView {
    let Some(TimeCell { micros, text, range, round_trips, trips_text, expected }) = cell else {
        return view! { <td>"–"</td> }.into_any();
    };
    let trips_testid = [&*testid, "-rtt"].concat();
    let is_off = expected.is_some_and(|expected| !expected.is_met);
    let expected = expected.map(|expected| {
        view! {
            {if expected.is_met { " = " } else { " ≠ " }}
            <span class="expected">{expected.count.to_string() + " expected"}</span>
        }
    });
    view! {
        <td data-testid=testid data-value=micros>
            {text}
            <small>
                <span data-testid=trips_testid data-value=round_trips class:bad=is_off>{trips_text}</span>
                {expected}
            </small>
            {range.map(|range| view! { <small>{range}</small> })}
        </td>
    }
    .into_any()
}

/// Cell of the outcome of early data.
#[component]
fn EarlyTd(
    /// Name of the probe.
    name: &'static str,
    /// Content of the cell.
    cell: EarlyCell,
) -> impl IntoView {
    let EarlyCell { accepted, outcome, details, effects } = cell;
    let testid = ["handshake-", name, "-early"].concat();
    let details = details.into_iter().map(|detail| view! { <small>{detail}</small> }).collect_view();
    let effects = effects.map(|EffectCount { count, text, is_double }| {
        let testid = ["handshake-", name, "-effects"].concat();
        view! { <small data-testid=testid data-value=count class:bad=is_double>{text}</small> }
    });
    view! { <td data-testid=testid data-value=accepted>{outcome}{details}{effects}</td> }
}
