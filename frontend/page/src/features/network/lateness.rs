//! Splits the delay of late writes into its parts and explains it, for the lane row and the lane controls.
//! The parts come from the emulated network's reports, in the order of [`LateParts::NAMES`].

use sluice_shared::lab::{LateWrite, TcpPhase, TcpReport, TcpWait};
use sluice_shared::mode::Transport;

use crate::features::network::stats::LaneNetwork;
use sluice_text::format;

/// Parts of the time that writes took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LateParts {
    /// Length of the counted span, microseconds; 0 before there are two reports to compare.
    pub span_micros: u64,
    /// Number of writes.
    pub writes: u64,
    /// Microseconds in total, in the order of [`LateParts::NAMES`].
    pub micros: [u64; 4],
    /// Slowest of these writes.
    pub worst: Option<LateWrite>,
}

impl LateParts {
    /// Names of the parts.
    pub const NAMES: [&'static str; 4] = ["send queue", "bottleneck", "on the wire", "behind lost packets"];

    /// Returns each part's share of the total, 0 to 1; `None` if no write took any time.
    pub fn shares(&self) -> Option<[f64; 4]> {
        let whole = self.micros.iter().sum::<u64>();
        if whole == 0 {
            return None;
        }
        let shares = self.micros.map(|part| part as f64 / whole as f64);
        debug_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-6, "shares of a whole: {shares:?}");
        Some(shares)
    }
}

/// Returns the total time of a write, microseconds.
pub const fn total(write: &LateWrite) -> u64 {
    write.send_queue_micros + write.bottleneck_micros + write.propagation_micros + write.blocked_micros
}

/// Slowest recent write with the parts of its delay, or else what is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// Introductory sentence.
    pub lead: String,
    /// Parts of the slowest write, in the order of [`LateParts::NAMES`].
    pub parts: Option<[String; 4]>,
}

/// Time from which a write counts as late, microseconds.
const NOTABLE_MICROS: u64 = 1_000;

/// Explains why messages were late on a lane's network.
pub fn cause(network: &LaneNetwork) -> Cause {
    let plain = |lead: String| Cause { lead, parts: None };
    let Some(late) = &network.late else {
        return plain(match network.flow.transport {
            Transport::WebTransport => {
                "Where the time of writes goes can't be told of this QUIC connection.".to_owned()
            }
            Transport::WebSocket => {
                "Where the time of writes goes can't be told of this TCP connection.".to_owned()
            }
        });
    };
    if late.span_micros == 0 {
        return plain("Measuring where the time of writes goes.".to_owned());
    }
    let span = format::span(late.span_micros);
    if late.writes == 0 {
        return plain(format!("No write has arrived for {span}."));
    }
    // The first arrivals were written before the network changed.
    let Some(worst) = &late.worst else {
        return plain("Measuring where the time of writes goes.".to_owned());
    };
    if total(worst) == 0 {
        return plain(format!("The emulated network has delayed no write of the last {span}."));
    }
    if total(worst) < NOTABLE_MICROS {
        return plain(format!(
            "No write of the last {span} took longer than {}.",
            format::span(total(worst))
        ));
    }
    let behind = match worst.lost_packet {
        Some(number) => format!("behind lost packet {}", format::count(number)),
        None => LateParts::NAMES[3].to_owned(),
    };
    let [send_queue, bottleneck, wire, _] = LateParts::NAMES;
    Cause {
        lead: format!("Worst write {}: ", format::span(total(worst))),
        parts: Some([
            format!("{} {send_queue}", format::span(worst.send_queue_micros)),
            format!("{} {bottleneck}", format::span(worst.bottleneck_micros)),
            format!("{} {wire}", format::span(worst.propagation_micros)),
            format!("{} {behind}", format::span(worst.blocked_micros)),
        ]),
    }
}

/// Describes the server's end of an emulated TCP connection in one line.
pub fn tcp_facts(tcp: &TcpReport) -> String {
    let waits = match tcp.waits_for {
        TcpWait::Nothing => None,
        TcpWait::CongestionWindow => Some("waits for cwnd"),
        TcpWait::PeerWindow => Some("waits for receive window"),
        TcpWait::Handshake => Some("handshake"),
    };
    let phase = match tcp.phase {
        TcpPhase::Open => None,
        TcpPhase::Disorder => Some("disorder"),
        TcpPhase::Recovery => Some("recovery"),
        TcpPhase::Loss => Some("timeout"),
    };
    let resent = (tcp.retransmitted_packets > 0)
        .then(|| format!("{} resent", format::count(tcp.retransmitted_packets)));
    let parts = [
        (tcp.rtt_micros > 0).then(|| format!("RTT {}", format::span(tcp.rtt_micros))),
        Some(format!("cwnd {}", format::count(tcp.cwnd_packets))),
        Some(format!("{} in flight", format::count(tcp.in_flight_packets))),
        phase.map(str::to_owned),
        waits.map(str::to_owned),
        resent,
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::{Congestion, FlowReport, LinkReport};
    use sluice_shared::time::Time;

    use super::*;

    fn network(transport: Transport, late: Option<LateParts>) -> LaneNetwork {
        let flow = FlowReport {
            flow: 0,
            lane: Some(0),
            transport,
            congestion: Congestion::Cubic,
            up: LinkReport::default(),
            down: LinkReport::default(),
            tcp: None,
            lateness: None,
            quic: None,
        };
        LaneNetwork { flow, loss: Some(0.02), rate_bits: Some(1), late }
    }

    fn said(network: &LaneNetwork) -> String {
        let Cause { lead, parts } = cause(network);
        (lead + &parts.map_or_else(String::new, |parts| parts.join(", ")))
            .replace(['\u{a0}', '\u{202f}'], " ")
    }

    fn late(worst: LateWrite) -> LateParts {
        LateParts { span_micros: 10_000_000, writes: 1, worst: Some(worst), ..LateParts::default() }
    }

    const WORST: LateWrite = LateWrite {
        written_at: Time::ZERO,
        send_queue_micros: 2_000,
        bottleneck_micros: 0,
        propagation_micros: 50_000,
        blocked_micros: 96_000,
        lost_packet: Some(5_231),
    };

    #[test]
    fn a_late_write_names_where_its_time_went_and_the_packet_that_held_it_up() {
        assert_eq!(
            said(&network(Transport::WebSocket, Some(late(WORST)))),
            "Worst write 148 ms: 2.0 ms send queue, 0 ms bottleneck, 50 ms on the wire, 96 ms behind lost packet 5 231"
        );
    }

    #[test]
    fn a_write_that_was_not_late_is_not_taken_apart() {
        let prompt = LateWrite { propagation_micros: 400, send_queue_micros: 0, blocked_micros: 0, ..WORST };
        let said = said(&network(Transport::WebSocket, Some(late(prompt))));
        assert_eq!(said, "No write of the last 10.0 s took longer than 0.40 ms.");
    }

    #[test]
    fn what_cannot_be_told_is_said_so() {
        assert!(said(&network(Transport::WebTransport, None)).contains("can't be told of this QUIC"));
        let nothing = LateParts { span_micros: 3_000_000, ..LateParts::default() };
        assert_eq!(said(&network(Transport::WebSocket, Some(nothing))), "No write has arrived for 3.00 s.");
        let measuring = said(&network(Transport::WebSocket, Some(LateParts::default())));
        assert_eq!(measuring, "Measuring where the time of writes goes.");
    }

    #[test]
    fn a_write_that_took_no_time_is_not_told_as_zero_milliseconds() {
        let instant = LateWrite { propagation_micros: 0, send_queue_micros: 0, blocked_micros: 0, ..WORST };
        let said = said(&network(Transport::WebSocket, Some(late(instant))));
        assert_eq!(said, "The emulated network has delayed no write of the last 10.0 s.");
    }

    #[test]
    fn parts_that_are_all_zero_have_no_share() {
        assert_eq!(LateParts::default().shares(), None);
        let half = LateParts { micros: [0, 1, 1, 0], ..LateParts::default() };
        assert_eq!(half.shares(), Some([0.0, 0.5, 0.5, 0.0]));
    }
}
