//! Card of ten changes of networks, summarised.

use leptos::prelude::*;
use sluice_shared::mode::Transport;
use sluice_text::format;
use sluice_text::format::exact_span;

use crate::features::migration::model::series::{Series, SeriesResult};
use crate::features::migration::state::MigrationState;

/// Card of the last series; empty before the first.
#[component]
pub(super) fn SeriesCard() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let has_any = Memo::new(move |_| state.series.with(Option::is_some));
    let made = move || state.series.with(|series| series.as_ref().map(|series| series.made));
    let row = move |transport| {
        let result = Memo::new(move |_| {
            state.lanes.with(|lanes| {
                state.series.with(|series| series.as_ref().map(|series| series.of(transport, lanes)))
            })
        });
        move || result.get().map(|result| row(transport, &result))
    };
    view! {
        <Show when=move || has_any.get()>
            <section>
                <h3>"Ten changes"</h3>
                <div class="table-scroll" tabindex="0" role="region" aria-label="Ten changes" data-testid="series" data-value=made>
                    <table class="proof" aria-label="Ten changes by transport">
                        <thead>
                            <tr>
                                <td></td>
                                <th scope="col">"lanes that survived" <small>"without a reconnect"</small></th>
                                <th scope="col">"gap p50"</th>
                                <th scope="col">"gap max"</th>
                            </tr>
                        </thead>
                        <tbody>{row(Transport::WebTransport)}{row(Transport::WebSocket)}</tbody>
                    </table>
                    <p>{move || state.series.with(|series| series.as_ref().and_then(balancer))}</p>
                </div>
            </section>
        </Show>
    }
}

fn row(transport: Transport, result: &SeriesResult) -> impl IntoView + use<> {
    let name = transport.name();
    let id = |part: &str| ["series-", name, "-", part].concat();
    let gap = |part, micros: Option<u64>, note: Option<String>| {
        let text = micros.map_or_else(|| "–".to_owned(), exact_span);
        let note = note.map(|note| view! { <small>{note}</small> });
        view! { <td data-testid=id(part) data-value=micros>{text}{note}</td> }
    };
    let unfinished = (result.unfinished > 0).then(|| format!("{} not over", result.unfinished));
    let survived = format!("{} of {}", result.survived, result.lanes);
    view! {
        <tr>
            <th scope="row">{name}<small>{result.connections} " connections met a change"</small></th>
            <td data-testid=id("survived") data-value=result.survived>
                {survived}
                <small>{result.reconnects} " reconnects"</small>
            </td>
            {gap("gap-p50", result.gap.map(|gap| gap.median_micros), None)}
            {gap("gap-max", result.gap.map(|gap| gap.max_micros), unfinished)}
        </tr>
    }
}

fn balancer(series: &Series) -> Option<impl IntoView + use<>> {
    let (packets, misrouted) = series.balanced()?;
    let share =
        if packets == 0 { "–".to_owned() } else { format::percent(misrouted as f64 / packets as f64) };
    let note = (misrouted > 0).then_some(
        " A share of packets is no share of changes: a connection whose packets are misrouted sends little until it is given up.",
    );
    Some(view! {
        "Balancer: "
        <b data-testid="series-misrouted" data-value=misrouted>{format::count(misrouted)}</b>
        " of "
        {format::count(packets)}
        " packets misrouted ("
        {share}
        ")."
        {note}
    })
}
