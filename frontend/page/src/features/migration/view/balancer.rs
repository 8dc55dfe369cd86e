//! Card of the balancer: its backends, their buttons, and the newest clients. It is hidden while the lab has
//! no balancer.

use leptos::prelude::*;
use sluice_shared::lab::{BackendReport, BalancerReport, ClientRoute, LabEvent};
use sluice_text::format;

use crate::features::migration::model::balancer::{BalancerTotals, expectation};
use crate::features::migration::model::lane::{PageLane, name_of};
use crate::features::migration::state::MigrationState;

/// Maximum number of clients shown.
const CLIENTS: usize = 8;

/// Card of the balancer; empty while there is none.
#[component]
pub(super) fn BalancerCard() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let report = Memo::new(move |_| state.report.with(|report| report.as_ref()?.balancer.clone()));
    view! {
        <Show when=move || report.with(Option::is_some)>
            <section>
                <h3>"Balancer"</h3>
                <BackendButtons report/>
                <div data-testid="balancer">
                    <BackendTable report/>
                    <p class="hint">{move || report.with(|report| report.as_ref().map(sentence))}</p>
                    <ClientTable report/>
                </div>
            </section>
        </Show>
    }
}

/// Buttons that take a backend down or up, and kill its process. They persist while the list of backends
/// changes.
#[component]
fn BackendButtons(report: Memo<Option<BalancerReport>>) -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let count =
        Memo::new(move |_| report.with(|report| report.as_ref().map_or(0, |report| report.backends.len())));
    let has_processes = Memo::new(move |_| {
        report.with(|report| {
            report
                .as_ref()
                .is_some_and(|report| report.backends.iter().any(|backend| backend.process.is_some()))
        })
    });
    let of = move |index: u8, read: fn(&BackendReport) -> bool| {
        report.with(|report| report.as_ref()?.backends.get(usize::from(index)).map(read))
    };
    let buttons = move |index: u8| {
        let is_up = move || of(index, |backend| backend.is_up).unwrap_or(false);
        let has_process = move || of(index, |backend| backend.process.is_some()).unwrap_or(false);
        let turn = move |_| state.post(LabEvent::Backend { index, up: !untrack(is_up) });
        let kill = move |_| {
            if untrack(has_process) {
                state.post(LabEvent::KillBackend { index });
            }
        };
        let name = index.to_string();
        let testid = "kill-".to_owned() + &name;
        view! {
            <button
                type="button"
                class="backend"
                data-testid=["backend-", &name].concat()
                aria-pressed=move || is_up().to_string()
                on:click=turn
            >
                "backend "
                {index}
                {move || if is_up() { " up" } else { " down" }}
            </button>
            <Show when=move || has_processes.get()>
                <button
                    type="button"
                    data-testid=testid.clone()
                    aria-disabled=move || (!has_process()).to_string()
                    on:click=kill
                >
                    "Kill "
                    {index}
                </button>
            </Show>
        }
    };
    let indices = move || (0..LabEvent::MAX_BACKENDS).take(count.get()).collect::<Vec<_>>();
    view! {
        <span class="segmented" role="group" aria-label="Backends">
            <For each=indices key=|index| *index children=buttons/>
        </span>
        <p class="hint">
            "Down, nothing passes to a backend or from it. A process that is killed is started again."
        </p>
    }
}

#[component]
fn BackendTable(report: Memo<Option<BalancerReport>>) -> impl IntoView {
    let rows = move || {
        report.with(|report| {
            let report = report.as_ref()?;
            let totals = BalancerTotals::of(report);
            let backends = report.backends.iter().enumerate().map(|(index, backend)| row(index, backend));
            Some((backends.collect_view(), total_row(totals)))
        })
    };
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label="Backends">
            <table class="proof" aria-label="Backends">
                <thead>
                    <tr>
                        <td></td>
                        <th scope="col">"QUIC packets"</th>
                        <th scope="col">"misrouted" <small>"ID of another backend that is up"</small></th>
                        <th scope="col">"orphaned" <small>"ID of a backend that is down"</small></th>
                        <th scope="col">"resets" <small>"stateless, RFC 9000 §10.3"</small></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

fn row(index: usize, backend: &BackendReport) -> impl IntoView + use<> {
    let process = backend.process.map(|process| {
        let testid = "process-".to_owned() + &index.to_string();
        view! { <small data-testid=testid data-value=process>"process " {process}</small> }
    });
    let down = (!backend.is_up).then(|| view! { <small class="bad">"down"</small> });
    view! {
        <tr>
            <th scope="row">{backend.name.clone()} {process} {down}</th>
            {count(None, backend.packets, false)}
            {count(None, backend.misrouted_packets, true)}
            {count(None, backend.orphaned_packets, true)}
            {count(None, backend.stateless_resets, true)}
        </tr>
    }
}

fn total_row(totals: BalancerTotals) -> impl IntoView {
    view! {
        <tr>
            <th scope="row">"all"</th>
            {count(Some("balanced"), totals.packets, false)}
            {count(Some("misrouted"), totals.misrouted, true)}
            {count(Some("orphaned"), totals.orphaned, true)}
            {count(Some("resets"), totals.resets, true)}
        </tr>
    }
}

fn count(testid: Option<&'static str>, count: u64, is_harm: bool) -> impl IntoView {
    let value = testid.map(|_| count);
    view! { <td data-testid=testid data-value=value class:bad={is_harm && count > 0}>{format::count(count)}</td> }
}

/// Compares the measured share of misrouted packets with the expectation.
fn sentence(report: &BalancerReport) -> String {
    let totals = BalancerTotals::of(report);
    if totals.packets == 0 {
        return expectation(report);
    }
    let share = totals.misrouted as f64 / totals.packets as f64;
    [&*format::percent(share), " of the packets so far were misrouted. ", &expectation(report)].concat()
}

#[component]
fn ClientTable(report: Memo<Option<BalancerReport>>) -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let rows = move || {
        state.lanes.with(|lanes| {
            report.with(|report| {
                let clients = report.as_ref()?.clients.iter().take(CLIENTS);
                Some(clients.map(|client| client_row(client, lanes)).collect_view())
            })
        })
    };
    let more = move || {
        let more = report.with(|report| report.as_ref()?.clients.len().checked_sub(CLIENTS));
        more.filter(|more| *more > 0).map(|more| format!("and {more} addresses that sent earlier"))
    };
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label="Clients of the balancer">
            <table class="proof" aria-label="Clients of the balancer">
                <thead>
                    <tr><th scope="col">"client"</th><th scope="col">"backend"</th><th scope="col">"packets"</th></tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        <p class="hint">{more}</p>
    }
}

fn client_row(client: &ClientRoute, lanes: &[PageLane]) -> impl IntoView + use<> {
    let connection = client.flow.map(|flow| {
        let name = client.lane.map_or_else(|| "no lane yet".to_owned(), |lane| name_of(lanes, lane));
        let text = [&*name, ", connection ", &flow.to_string()].concat();
        view! { <small>{text}</small> }
    });
    view! {
        <tr>
            <th scope="row">{client.address.clone()} {connection}</th>
            <td>{client.backend}</td>
            {count(None, client.packets, false)}
        </tr>
    }
}
