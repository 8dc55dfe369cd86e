//! Totals of the balancer and the expected share of misrouted packets. Used by the balancer card and by the
//! series of changes. Totals only grow, so that a series can subtract its start.

use sluice_shared::lab::BalancerReport;
use sluice_shared::scenario::Routing;
use sluice_text::format;

/// Totals over all backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BalancerTotals {
    /// QUIC datagrams.
    pub(crate) packets: u64,
    /// Datagrams whose connection ID names another backend that is up.
    pub(crate) misrouted: u64,
    /// Datagrams whose connection ID names a backend that is down.
    pub(crate) orphaned: u64,
    /// Stateless resets.
    pub(crate) resets: u64,
}

impl BalancerTotals {
    /// Returns the totals of a report.
    pub(crate) fn of(report: &BalancerReport) -> Self {
        report.backends.iter().fold(Self::default(), |sum, backend| Self {
            packets: sum.packets + backend.packets,
            misrouted: sum.misrouted + backend.misrouted_packets,
            orphaned: sum.orphaned + backend.orphaned_packets,
            resets: sum.resets + backend.stateless_resets,
        })
    }
}

/// Returns the expected misrouting of clients that change their address, in a sentence.
pub(crate) fn expectation(report: &BalancerReport) -> String {
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
                " of the cases. That backend does not know the connection: its packets are misrouted, and its session \
                 resumes over another one.",
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
    use sluice_shared::lab::BackendReport;

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
        BalancerReport {
            routing,
            backends: vec![backend("backend 0", 0), backend("backend 1", 40)],
            clients: Vec::new(),
        }
    }

    #[test]
    fn sums_stand_beside_the_expectation() {
        let report = report(Routing::Address);
        let expected = BalancerTotals { packets: 200, misrouted: 40, orphaned: 0, resets: 2 };
        assert_eq!(BalancerTotals::of(&report), expected);
        assert!(expectation(&report).contains("1 − 1/2 = 50\u{a0}%"));
    }

    #[test]
    fn a_single_backend_that_is_up_receives_everything() {
        let mut report = report(Routing::Address);
        report.backends[1].is_up = false;
        assert!(expectation(&report).contains("one backend is up"));
    }

    #[test]
    fn by_connection_id_no_misrouting_is_expected() {
        assert!(expectation(&report(Routing::ConnectionId)).contains("expected: none"));
    }
}
