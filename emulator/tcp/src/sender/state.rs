//! What a sender knows.

use core::time::Duration;
use std::collections::VecDeque;

use sluice_shared::time::Time;

use crate::bbr::{PathState, Totals};
use crate::config::Config;
use crate::congestion::Congestion;
use crate::delivery_rate::DeliveryRate;
use crate::pacing::Pacer;
use crate::rack::Rack;
use crate::recovery::Recovery;
use crate::rtt::RttEstimator;
use crate::scoreboard::Scoreboard;
use crate::send_buffer::SendBuffer;
use crate::timestamp::TimestampClock;

use super::timers::Timer;
use super::transmit::Order;

/// The sending half of an endpoint, from the moment at which the connection is established.
///
/// It turns what was written into [`Order`]s; the endpoint makes segments of them.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(super) max_timeouts: u32,
    pub(super) slow_start_after_idle: bool,
    /// Most bytes of data in a segment.
    pub(super) segment_bytes: u64,
    pub(super) buffer: SendBuffer,
    /// Everything before this offset is acknowledged (SND.UNA).
    pub(super) acked: u64,
    /// The next offset to be sent for the first time (SND.NXT).
    pub(super) next: u64,
    pub(super) peer_window: PeerWindow,
    pub(super) board: Scoreboard,
    pub(super) rtt: RttEstimator,
    pub(super) rack: Rack,
    pub(super) congestion: Congestion,
    pub(super) rate: DeliveryRate,
    pub(super) pacer: Pacer,
    /// When more may leave that was kept back for the pace.
    pub(super) paced_until: Option<Time>,
    pub(super) recovery: Recovery,
    pub(super) tail_probe: Option<TailProbe>,
    /// Packets delivered (the SYN is the first), held lost, and sent again since the beginning.
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) retransmitted: u64,
    /// Packets that the receiver reported to have received twice.
    pub(super) duplicates: u64,
    /// The echo of the last timestamp that came back.
    pub(super) echo: Option<u32>,
    pub(super) clock: TimestampClock,
    pub(super) timer: Option<Timer>,
    /// Timeouts since the cumulative acknowledgment moved.
    pub(super) timeouts_in_row: u32,
    pub(super) probing: WindowProbing,
    /// When data left last.
    pub(super) last_sent_at: Option<Time>,
    pub(super) orders: VecDeque<Order>,
    pub(super) counters: SendCounters,
}

/// What the peer lets in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PeerWindow {
    /// Bytes beyond the acknowledged offset.
    pub(super) bytes: u64,
    /// The most it ever was.
    pub(super) max_bytes: u64,
    /// The peer's offset that the last update came with (SND.WL1).
    pub(super) updated_by: u64,
}

/// Where the probing of a closed window stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WindowProbing {
    /// Probes since the peer was heard last.
    pub(super) unanswered: u32,
    /// How often the time between probes has doubled.
    pub(super) doublings: u32,
}

/// A probe for a lost tail that is unanswered (RFC 8985 §7).
#[derive(Clone, Copy, Debug)]
pub(super) struct TailProbe {
    /// What had been sent when the probe left.
    pub(super) high: u64,
    /// The probe repeated old data instead of sending new.
    pub(super) is_retransmission: bool,
}

/// Events of recovery, counted for those who watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendCounters {
    /// Times that lost packets were recovered without a timeout.
    pub fast_recoveries: u64,
    /// Retransmission timeouts.
    pub timeouts: u64,
    /// Tail loss probes.
    pub tail_probes: u64,
    /// Reductions of the window that turned out to be needless and were undone.
    pub undos: u64,
    /// Probes of a closed window.
    pub window_probes: u64,
}

impl Sender {
    /// A sender whose SYN is acknowledged; `segment_bytes` is what both sides agreed on, less the timestamps.
    pub(crate) fn new(config: &Config, segment_bytes: u64, clock: TimestampClock, seed: u64) -> Self {
        let initial_packets = config.initial_cwnd_packets;
        Self {
            max_timeouts: config.max_timeouts,
            slow_start_after_idle: config.slow_start_after_idle,
            segment_bytes,
            buffer: SendBuffer::new(2 * initial_packets * segment_bytes, config.max_send_buffer_bytes),
            acked: 1,
            next: 1,
            peer_window: PeerWindow::default(),
            board: Scoreboard::default(),
            rtt: RttEstimator::new(config.min_rto, config.max_rto),
            rack: Rack::default(),
            congestion: Congestion::new(config.congestion, initial_packets, segment_bytes, seed),
            rate: DeliveryRate::default(),
            pacer: Pacer::default(),
            paced_until: None,
            recovery: Recovery::default(),
            tail_probe: None,
            delivered: 1,
            lost: 0,
            retransmitted: 0,
            duplicates: 0,
            echo: None,
            clock,
            timer: None,
            timeouts_in_row: 0,
            probing: WindowProbing::default(),
            last_sent_at: None,
            orders: VecDeque::new(),
            counters: SendCounters::default(),
        }
    }

    /// Takes over what was written before, and what the handshake learnt: the peer's window in bytes, a round trip, and
    /// whether SYNs were lost.
    pub(crate) fn begin(
        &mut self,
        written: SendBuffer,
        window_bytes: u64,
        rtt: Option<Duration>,
        has_lost_syn: bool,
        now: Time,
    ) {
        self.buffer = written;
        self.peer_window = PeerWindow { bytes: window_bytes, max_bytes: window_bytes, updated_by: 0 };
        if let Some(rtt) = rtt {
            self.rtt.add_to_min(rtt, now);
            self.rtt.add(rtt, self.acked, self.next);
        }
        if has_lost_syn {
            self.congestion.start_small();
        }
        self.congestion.begin(self.rtt.smoothed(), self.rtt.min(), now);
    }

    pub(crate) const fn buffer(&self) -> &SendBuffer {
        &self.buffer
    }

    pub(crate) const fn buffer_mut(&mut self) -> &mut SendBuffer {
        &mut self.buffer
    }

    pub(crate) const fn congestion(&self) -> &Congestion {
        &self.congestion
    }

    pub(crate) const fn rtt(&self) -> &RttEstimator {
        &self.rtt
    }

    pub(crate) const fn board(&self) -> &Scoreboard {
        &self.board
    }

    pub(crate) const fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    pub(crate) const fn counters(&self) -> &SendCounters {
        &self.counters
    }

    /// Everything before this offset is acknowledged (SND.UNA).
    pub(crate) const fn acked(&self) -> u64 {
        self.acked
    }

    /// The next offset to be sent for the first time (SND.NXT).
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Packets sent again since the beginning, tail probes included.
    pub(crate) const fn retransmitted(&self) -> u64 {
        self.retransmitted
    }

    /// Packets that the receiver reported to have received twice.
    pub(crate) const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// The window that the peer offers, in bytes beyond what is acknowledged.
    pub(crate) const fn peer_window_bytes(&self) -> u64 {
        self.peer_window.bytes
    }

    /// The offset behind what the peer lets in.
    pub(super) const fn window_end(&self) -> u64 {
        self.acked + self.peer_window.bytes
    }

    /// What the congestion controller may know of the path.
    pub(super) fn path_state(&self, now: Time) -> PathState {
        PathState {
            phase: self.recovery.phase,
            in_flight: self.board.in_flight(),
            totals: self.totals(),
            smoothed_rtt: self.rtt.smoothed(),
            ahead: self.pacer.ahead(now),
            now,
        }
    }

    pub(super) const fn totals(&self) -> Totals {
        Totals { delivered: self.delivered, lost: self.lost, delivered_at: self.rate.delivered_at() }
    }

    /// Whether something was sent again and that is not yet acknowledged.
    pub(super) fn is_repair_pending(&self) -> bool {
        self.board.retransmissions_out() > 0
            || self.board.first().is_some_and(|packet| packet.was_retransmitted)
    }
}
