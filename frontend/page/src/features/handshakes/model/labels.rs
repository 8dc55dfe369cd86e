//! Names and sentences shared by several parts of the handshake lab: its tables, cards and test ids. Plain
//! functions from reports to text.

use sluice_shared::handshake::{Case, ClockKind, HandshakeReport, Probe, ReplayGuard, RoundTrips, Stack};
use sluice_shared::mode::Transport;
use sluice_text::decimal::fixed;
use sluice_text::decimal::short;

use crate::features::this_browser::model::NativeOpening;

/// Returns a short title of a pair of probes.
pub const fn pair_title(probe: Probe) -> &'static str {
    match probe.case() {
        Case::Cold => "cold",
        Case::Resumed => "resumed",
        Case::Early => "GET in early data",
        Case::EarlyPost => "POST in early data",
        Case::Session => "WebSocket | WebTransport",
        Case::LargeCertificate => "large certificate",
        Case::BeyondCap => "beyond the cap",
        Case::ExpiredTicket => "expired ticket",
        Case::ForeignTicket => "another server's ticket",
    }
}

/// Returns a sentence on what a pair of probes does.
pub const fn pair_meaning(probe: Probe) -> &'static str {
    match probe.case() {
        Case::Cold => "A client without a ticket from this server asks for a page.",
        Case::Resumed => {
            "With the ticket of an earlier connection (PSK, RFC 8446 §2.2): no certificate, no round trip saved."
        }
        Case::Early => {
            "The GET rides in the first flight: TLS early data (RFC 8446 §2.3), QUIC 0-RTT packets (RFC 9001 §4.6)."
        }
        Case::EarlyPost => {
            "A POST rides in the first flight, gets 425 Too Early (RFC 8470), and is sent again after the handshake."
        }
        Case::Session => {
            "TLS and the upgrade (RFC 6455 §4), beside QUIC and extended CONNECT once SETTINGS are there."
        }
        Case::LargeCertificate => {
            "A certificate chain of more than three datagrams: QUIC's server may send three times what it got, and waits \
             (RFC 9000 §8.1)."
        }
        Case::BeyondCap => {
            "More GETs at once than may ride in the first flight: the rest waits for the handshake."
        }
        Case::ExpiredTicket => {
            "Early data with a ticket that has expired: a full handshake, and all is sent again."
        }
        Case::ForeignTicket => {
            "Early data with a ticket that this server cannot open: a full handshake, and all is sent again."
        }
    }
}

/// Returns a stack's name in test ids.
pub const fn stack_name(stack: Stack) -> &'static str {
    match stack {
        Stack::Tcp => "tcp",
        Stack::Quic => "quic",
    }
}

/// Returns a guard's name in JSON and test ids.
pub const fn guard_name(guard: ReplayGuard) -> &'static str {
    match guard {
        ReplayGuard::Nothing => "nothing",
        ReplayGuard::TooEarly => "too-early",
        ReplayGuard::SingleUse => "single-use",
    }
}

/// Formats round-trip counts: the most common one, and the range where runs differ; "–" without any.
pub fn trips_text(trips: &RoundTrips) -> String {
    let Some(count) = trips.most_common() else { return "–".to_owned() };
    let mut text = count.to_string() + "\u{a0}RTT";
    if let (Some((least, _)), Some((most, _))) = (trips.0.first(), trips.0.last())
        && least != most
    {
        text.extend([" (", &least.to_string(), "–", &most.to_string(), ")"]);
    }
    text
}

/// Formats a time on the ladder, in milliseconds and in round trips.
pub fn cursor_text(micros: f64, rtt_ms: f64) -> String {
    let mut text = ["Line at ", &fixed(micros / 1e3, 1), "\u{a0}ms"].concat();
    if rtt_ms > 0.0 {
        text.extend([" = ", &fixed(micros / 1e3 / rtt_ms, 2), "\u{a0}RTT"]);
    }
    text
}

/// Summarises a run in a sentence.
pub fn run_summary(report: &HandshakeReport) -> String {
    let request = &report.request;
    let runs = if request.runs == 1 { " run of each probe at " } else { " runs of each probe at " };
    let mut text = [&*request.runs.to_string(), runs, &short(request.rtt_ms), "\u{a0}ms RTT"].concat();
    if request.loss_percent > 0.0 {
        text.extend([", ", &short(request.loss_percent), "\u{a0}% loss"]);
    }
    if let Some(rate) = request.rate_kbit {
        text.extend([", ", &short(rate), "\u{a0}kbit/s"]);
    }
    if let Some(blackout) = request.blackout_ms {
        text.extend([", nothing passes from ", &short(blackout), "\u{a0}ms on"]);
    }
    if let Some(seed) = request.seed {
        text.extend([", seed ", &seed.to_string()]);
    }
    text.push_str(match request.clock {
        ClockKind::Virtual => "; virtual clock: computing takes no time.",
        ClockKind::Real => "; real clock: computing is in every figure.",
    });
    text
}

/// Returns the time of native clients to open the same session as a browser's `transport`; `None` if not
/// measured.
pub fn native_opening(report: &HandshakeReport, transport: Transport) -> Option<NativeOpening> {
    let probe = match transport {
        Transport::WebSocket => Probe::Wss,
        Transport::WebTransport => Probe::WebTransport,
    };
    let measured = report.probes.iter().find(|measured| measured.probe == probe)?;
    Some(NativeOpening {
        median_micros: measured.first_byte?.median_micros,
        round_trips: measured.first_byte_round_trips.most_common(),
        detail: [&*trips_text(&measured.first_byte_round_trips), ", ", probe.title(), " cold"].concat(),
    })
}

#[cfg(test)]
mod tests {
    use sluice_shared::handshake::HandshakeRequest;

    use super::*;
    use crate::features::handshakes::model::samples::{probe, report};

    #[test]
    fn guards_have_the_names_of_the_json() {
        for guard in ReplayGuard::ALL {
            let json = serde_json::to_string(&guard).expect("a name");
            assert_eq!(json, ["\"", guard_name(guard), "\""].concat());
        }
    }

    #[test]
    fn round_trips_that_differ_show_their_range() {
        let mut trips = RoundTrips::default();
        assert_eq!(trips_text(&trips), "–", "nothing was counted");
        trips.add(3);
        trips.add(3);
        assert_eq!(trips_text(&trips), "3\u{a0}RTT");
        trips.add(5);
        assert_eq!(trips_text(&trips), "3\u{a0}RTT (3–5)");
    }

    #[test]
    fn a_summary_names_every_setting_that_matters() {
        let request = HandshakeRequest {
            runs: 1,
            loss_percent: 1.5,
            rate_kbit: Some(256.0),
            blackout_ms: Some(30.0),
            seed: Some(u64::MAX),
            ..HandshakeRequest::default()
        };
        let text = run_summary(&HandshakeReport { request, ..report(Vec::new()) }).replace('\u{a0}', " ");
        assert_eq!(
            text,
            "1 run of each probe at 100 ms RTT, 1.5 % loss, 256 kbit/s, nothing passes from 30 ms on, \
             seed 18446744073709551615; virtual clock: computing takes no time."
        );
    }

    #[test]
    fn the_cursor_tells_round_trips_where_there_are_any() {
        assert_eq!(cursor_text(150_000.0, 100.0), "Line at 150.0\u{a0}ms = 1.50\u{a0}RTT");
        assert_eq!(cursor_text(150_000.0, 0.0), "Line at 150.0\u{a0}ms");
    }

    #[test]
    fn native_openings_are_those_of_the_sessions() {
        let report = report(vec![probe(Probe::Http3Cold), probe(Probe::WebTransport)]);
        let opening = native_opening(&report, Transport::WebTransport).expect("it was measured");
        assert_eq!((opening.median_micros, opening.round_trips), (200_500, Some(2)));
        assert_eq!(native_opening(&report, Transport::WebSocket), None);
    }
}
