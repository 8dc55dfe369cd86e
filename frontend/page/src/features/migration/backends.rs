//! The balancer's backends and clients, in HTML.

use sluice_shared::lab::BalancerReport;
use sluice_shared::scenario::Routing;

use crate::features::frames::model::push_text;
use crate::features::migration::lanes::PageLane;
use crate::features::migration::lanes::name_of;
use sluice_text::format;

/// Clients that are shown.
const CLIENTS: usize = 8;

/// What all backends got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// QUIC datagrams.
    pub(crate) packets: u64,
    /// Those whose connection ID names another backend that is up.
    pub(crate) misrouted: u64,
    /// Those whose connection ID names a backend that is down.
    pub(crate) orphaned: u64,
    /// Stateless resets.
    pub(crate) resets: u64,
}

impl Totals {
    /// The sums of a report.
    pub(crate) fn of(report: &BalancerReport) -> Self {
        report.backends.iter().fold(Self::default(), |sum, backend| Self {
            packets: sum.packets + backend.packets,
            misrouted: sum.misrouted + backend.misrouted_packets,
            orphaned: sum.orphaned + backend.orphaned_packets,
            resets: sum.resets + backend.stateless_resets,
        })
    }
}

/// What each backend got, and which client's packets go where.
pub(crate) fn html(report: &BalancerReport, lanes: &[PageLane]) -> String {
    let totals = Totals::of(report);
    let mut html = "<table class=proof><thead><tr><th></th><th>QUIC packets</th><th title=\"Their connection ID names \
                    another backend that is up: they cannot be understood here\">misrouted</th><th title=\"Their connection \
                    ID names a backend that is down\">orphaned</th><th title=\"RFC 9000 §10.3: a backend that does not know \
                    a connection tells its client to give it up\">resets</th></tr></thead><tbody>"
        .to_owned();
    for (number, backend) in report.backends.iter().enumerate() {
        html.push_str("<tr><th>");
        push_text(&mut html, &backend.name);
        if let Some(process) = backend.process {
            let (number, process) = (number.to_string(), process.to_string());
            html.extend([" <small data-testid=process-", &number, " data-value=", &process]);
            html.extend([">process ", &process, "</small>"]);
        }
        html.push_str(if backend.is_up { "</th>" } else { " <small class=bad>down</small></th>" });
        push_count(&mut html, "", backend.packets, false);
        push_count(&mut html, "", backend.misrouted_packets, true);
        push_count(&mut html, "", backend.orphaned_packets, true);
        push_count(&mut html, "", backend.stateless_resets, true);
        html.push_str("</tr>");
    }
    html.push_str("<tr><th>all</th>");
    push_count(&mut html, "balanced", totals.packets, false);
    push_count(&mut html, "misrouted", totals.misrouted, true);
    push_count(&mut html, "orphaned", totals.orphaned, true);
    push_count(&mut html, "resets", totals.resets, true);
    html.push_str("</tr></tbody></table><p class=hint>");
    if totals.packets > 0 {
        let share = totals.misrouted as f64 / totals.packets as f64;
        html.extend([&*format::percent(share), " of the packets so far were misrouted. "]);
    }
    html.push_str(&expectation(report));
    html.push_str("</p><table class=proof><thead><tr><th>client</th><th>backend</th><th>packets</th></tr></thead><tbody>");
    for client in report.clients.iter().take(CLIENTS) {
        html.push_str("<tr><th>");
        push_text(&mut html, &client.address);
        if let Some(flow) = client.flow {
            html.push_str("<small>");
            let name = client.lane.map_or_else(|| "no lane yet".to_owned(), |lane| name_of(lanes, lane));
            push_text(&mut html, &[&*name, ", connection ", &flow.to_string()].concat());
            html.push_str("</small>");
        }
        html.extend(["</th><td>", &client.backend.to_string(), "</td>"]);
        push_count(&mut html, "", client.packets, false);
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table>");
    let more = report.clients.len().saturating_sub(CLIENTS);
    if more > 0 {
        html.extend(["<p class=hint>and ", &more.to_string(), " addresses that were heard of earlier</p>"]);
    }
    html
}

fn push_count(html: &mut String, id: &str, count: u64, is_harm: bool) {
    html.push_str("<td");
    if !id.is_empty() {
        html.extend([" data-testid=", id, " data-value=", &count.to_string()]);
    }
    html.push_str(if is_harm && count > 0 { " class=bad>" } else { ">" });
    html.extend([&*format::count(count), "</td>"]);
}

/// What is to be expected of a client with another address.
fn expectation(report: &BalancerReport) -> String {
    let backends = report.backends.iter().filter(|backend| backend.is_up).count();
    match report.routing {
        Routing::Address if backends > 1 => {
            let share = 1.0 - 1.0 / backends as f64;
            [
                "By address: each change of a client's address draws a backend anew, and with ",
                &backends.to_string(),
                " of them it is another one in 1 − 1/",
                &backends.to_string(),
                " = ",
                &format::percent(share),
                " of the cases. The connection is not there: its packets are misrouted, and its session resumes by \
                 another one.",
            ]
            .concat()
        }
        Routing::Address => "By address: one backend is up, so all packets find it.".to_owned(),
        Routing::ConnectionId => {
            "By connection ID: the backend's number is in the ID that it has chosen \
             (draft-ietf-quic-load-balancers), so an address may change as often as it likes. Misrouted packets to be \
             expected: none."
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::{BackendReport, ClientRoute};

    use super::*;

    fn report(routing: Routing) -> BalancerReport {
        let backend = |name: &str, misrouted_packets| BackendReport {
            name: name.to_owned(),
            is_up: true,
            process: Some(4_711),
            packets: 100,
            misrouted_packets,
            orphaned_packets: 0,
            stateless_resets: 1,
        };
        let client = |n: u16| ClientRoute {
            address: format!("127.0.0.1:{n}"),
            backend: 1,
            packets: 5,
            flow: Some(3),
            lane: Some(0),
        };
        BalancerReport {
            routing,
            backends: vec![backend("backend 0", 0), backend("<backend 1>", 40)],
            clients: (1..=20).map(client).collect(),
        }
    }

    #[test]
    fn sums_are_facts_and_stand_beside_what_is_expected() {
        let html = html(&report(Routing::Address), &[]);
        assert!(html.contains("data-testid=misrouted data-value=40 class=bad>40"), "{html}");
        assert!(html.contains("data-testid=resets data-value=2"), "{html}");
        assert!(html.contains("1 − 1/2 = 50\u{a0}%"), "{html}");
        assert!(html.contains("20\u{a0}% of the packets so far"), "{html}");
        assert!(html.contains("and 12 addresses"), "{html}");
        assert!(html.contains("data-testid=process-1 data-value=4711>process 4711</small>"), "{html}");
        assert!(!html.contains("<backend 1>"), "names cannot bring markup");
    }

    #[test]
    fn by_connection_id_nothing_is_to_be_misrouted() {
        assert!(html(&report(Routing::ConnectionId), &[]).contains("expected: none"));
    }
}
