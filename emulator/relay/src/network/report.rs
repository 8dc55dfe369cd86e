//! Models' words in the words of reports.

use sluice_link::{HopLevel, Link};
use sluice_shared::lab::{HopReport, LinkReport, TcpPhase, TcpReport, TcpWait};
use sluice_shared::time::micros;
use sluice_tcp::{Info, Phase, WaitsFor};

/// A link at the time that it was brought to.
pub(crate) fn link_report<P: Clone>(link: &Link<P>) -> LinkReport {
    let (levels, counters) = (link.levels(), link.counters());
    LinkReport {
        queue: hop_report(levels.queue),
        wire: hop_report(levels.wire),
        offered_packets: counters.offered.packets,
        delivered_packets: counters.delivered.packets,
        delivered_bytes: counters.delivered.bytes.as_u64(),
        passed_packets: counters.passed.packets,
        lost_packets: counters.lost_at_random.packets + counters.lost_in_bursts.packets,
        queue_drops: counters.dropped_by_queue.packets,
        outage_drops: counters.dropped_by_outage.packets
            + counters.dropped_by_block.packets
            + counters.dropped_by_overload.packets,
    }
}

fn hop_report(level: HopLevel) -> HopReport {
    HopReport {
        packets: level.packets,
        bytes: level.bytes.as_u64(),
        oldest_micros: level.oldest_age.map_or(0, micros),
    }
}

/// A connection as its server's end sends, and as its client's end receives.
pub(crate) fn tcp_report(server: &Info, client: &Info) -> TcpReport {
    TcpReport {
        cwnd_packets: server.cwnd_packets,
        in_flight_packets: server.in_flight_packets,
        rtt_micros: server.smoothed_rtt.map_or(0, micros),
        rto_micros: micros(server.rto),
        unsent_bytes: server.unsent_bytes,
        unacknowledged_bytes: server.unacknowledged_bytes,
        peer_window_bytes: server.peer_window_bytes,
        blocked_bytes: client.blocked_bytes,
        unread_bytes: client.unread_bytes,
        retransmitted_packets: server.retransmitted_packets,
        waits_for: match server.waits_for {
            WaitsFor::NothingToSend => TcpWait::Nothing,
            WaitsFor::CongestionWindow => TcpWait::CongestionWindow,
            WaitsFor::PeerWindow => TcpWait::PeerWindow,
            WaitsFor::Handshake => TcpWait::Handshake,
        },
        phase: match server.phase {
            Phase::Open => TcpPhase::Open,
            Phase::Disorder => TcpPhase::Disorder,
            Phase::Recovery => TcpPhase::Recovery,
            Phase::Loss => TcpPhase::Loss,
        },
    }
}
