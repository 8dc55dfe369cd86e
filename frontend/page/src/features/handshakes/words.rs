//! Names and figures that several parts of the lab use.

use sluice_shared::handshake::{Probe, ReplayGuard, RoundTrips, Stack};

use sluice_text::decimal::fixed;
use sluice_text::format;

/// What a pair of twins has in common.
pub(crate) const fn pair_title(probe: Probe) -> &'static str {
    match probe {
        Probe::Http2Cold | Probe::Http3Cold => "cold",
        Probe::Http2Resumed | Probe::Http3Resumed => "resumed",
        Probe::Http2Early | Probe::Http3ZeroRtt => "GET in early data",
        Probe::Http2EarlyPost | Probe::Http3ZeroRttPost => "POST in early data",
        Probe::Wss | Probe::WebTransport => "WebSocket | WebTransport",
        Probe::Http2LargeCertificate | Probe::Http3LargeCertificate => "large certificate",
        Probe::Http2BeyondCap | Probe::Http3BeyondCap => "beyond the cap",
        Probe::Http2ExpiredTicket | Probe::Http3ExpiredTicket => "expired ticket",
        Probe::Http2ForeignTicket | Probe::Http3ForeignTicket => "another server's ticket",
    }
}

/// What a pair does, in a sentence.
pub(crate) const fn pair_meaning(probe: Probe) -> &'static str {
    match probe {
        Probe::Http2Cold | Probe::Http3Cold => "A client that was never there asks for a page.",
        Probe::Http2Resumed | Probe::Http3Resumed => {
            "With the ticket of an earlier connection (PSK, RFC 8446 §2.2): no certificate, no round trip saved."
        }
        Probe::Http2Early | Probe::Http3ZeroRtt => {
            "The GET rides in the first flight: TLS early data (RFC 8446 §2.3), QUIC 0-RTT packets (RFC 9001 §4.6)."
        }
        Probe::Http2EarlyPost | Probe::Http3ZeroRttPost => {
            "A POST rides in the first flight, gets 425 Too Early (RFC 8470), and is sent again after the handshake."
        }
        Probe::Wss | Probe::WebTransport => {
            "TLS and the upgrade (RFC 6455 §4), beside QUIC and extended CONNECT once SETTINGS are there."
        }
        Probe::Http2LargeCertificate | Probe::Http3LargeCertificate => {
            "A certificate chain of more than three datagrams: QUIC's server may send three times what it got, and waits \
             (RFC 9000 §8.1)."
        }
        Probe::Http2BeyondCap | Probe::Http3BeyondCap => {
            "More GETs at once than may ride in the first flight: the rest waits for the handshake."
        }
        Probe::Http2ExpiredTicket | Probe::Http3ExpiredTicket => {
            "Early data with a ticket that has expired: a full handshake, and all is sent again."
        }
        Probe::Http2ForeignTicket | Probe::Http3ForeignTicket => {
            "Early data with a ticket that this server cannot open: a full handshake, and all is sent again."
        }
    }
}

/// What a stack is called.
pub(crate) const fn stack_name(stack: Stack) -> &'static str {
    match stack {
        Stack::Tcp => "tcp",
        Stack::Quic => "quic",
    }
}

/// What a guard is called in JSON and test ids.
pub(crate) const fn guard_name(guard: ReplayGuard) -> &'static str {
    match guard {
        ReplayGuard::Nothing => "nothing",
        ReplayGuard::TooEarly => "too-early",
        ReplayGuard::SingleUse => "single-use",
    }
}

/// Counted round trips: what most runs took, and the range where they differ.
pub(crate) fn trips_text(trips: &RoundTrips) -> String {
    let Some(count) = trips.most_common() else { return String::new() };
    let mut text = count.to_string() + "\u{a0}RTT";
    if let (Some((least, _)), Some((most, _))) = (trips.0.first(), trips.0.last())
        && least != most
    {
        text.extend([" (", &least.to_string(), "–", &most.to_string(), ")"]);
    }
    text
}

/// A span to a tenth of a millisecond, which is what tells computing from waiting.
pub(crate) fn exact_span(micros: u64) -> String {
    if micros < 1_000_000 { fixed(micros as f64 / 1e3, 1) + "\u{a0}ms" } else { format::span(micros) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(trips_text(&trips), "");
        trips.add(3);
        trips.add(3);
        assert_eq!(trips_text(&trips), "3\u{a0}RTT");
        trips.add(5);
        assert_eq!(trips_text(&trips), "3\u{a0}RTT (3–5)");
        assert_eq!(exact_span(200_140), "200.1\u{a0}ms");
    }
}
