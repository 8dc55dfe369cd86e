//! What an acknowledgment says (Linux's `tcp_ack`).

use core::time::Duration;

use sluice_shared::time::Time;

use crate::congestion::ControlAck;
use crate::delivery_rate::RateSample;
use crate::recovery::{Phase, Retransmit};
use crate::scoreboard::Sent;
use crate::timestamp::is_before;

use super::Sender;

/// The parts of a segment that acknowledge, as offsets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledgment<'a> {
    /// Everything before this offset has arrived.
    pub(crate) acked: u64,
    /// The window, in bytes beyond that.
    pub(crate) window_bytes: u64,
    /// The offset of the segment in the peer's own stream, which orders window updates.
    pub(crate) seq: u64,
    /// Ranges that have arrived beyond that; the first may be one that arrived twice.
    pub(crate) sacks: &'a [(u64, u64)],
    /// The timestamp that came back.
    pub(crate) echo: Option<u32>,
    /// The segment carries data of its own.
    pub(crate) has_data: bool,
}

/// What was learnt from one acknowledgment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Learnt {
    pub(super) has_data: bool,
    pub(super) advances: bool,
    pub(super) updates_window: bool,
    /// Packets were acknowledged for good, or newly held by the receiver.
    pub(super) has_acked: bool,
    pub(super) has_sacked: bool,
    /// A packet that was sent more than once was acknowledged.
    pub(super) has_acked_repeated: bool,
    /// A packet sent once, before recovery began, has arrived.
    pub(super) has_original_arrived: bool,
    /// Something arrived twice; and that was the tail probe.
    pub(super) has_duplicate: bool,
    pub(super) is_probe_duplicate: bool,
    /// A retransmission was held lost.
    pub(super) has_lost_retransmission: bool,
    /// Loss detection has set the timer, or nothing calls for setting it.
    pub(super) sets_timer: bool,
    /// Where the first packet that was overtaken begins.
    pub(super) overtaken_from: Option<u64>,
    /// When the first and the last of the packets newly held left, and the same for those acknowledged for good.
    pub(super) sacked_sent_at: Option<(Time, Time)>,
    pub(super) acked_sent_at: Option<(Time, Time)>,
    /// The newest delivered packet.
    pub(super) newest: Option<Sent>,
    /// The round trip of the newest delivered packet that has one.
    pub(super) rtt: Option<Duration>,
    /// A lone small packet was acknowledged, which a receiver may put off.
    pub(super) may_be_delayed: bool,
}

impl Learnt {
    /// Nothing that would explain the acknowledgment but a packet that arrived out of order.
    pub(super) const fn is_duplicate_ack(&self) -> bool {
        !(self.advances || self.has_data || self.updates_window || self.has_acked || self.has_duplicate)
    }

    const fn is_dubious(&self) -> bool {
        !(self.has_data || self.updates_window || self.has_acked) || self.has_sacked || self.has_duplicate
    }
}

impl Sender {
    /// Takes an acknowledgment; the caller then sends what has become possible ([`Self::push`]).
    pub(crate) fn handle_ack(&mut self, ack: &Acknowledgment<'_>, now: Time) {
        if ack.acked > self.next {
            return;
        }
        self.echo = ack.echo;
        let prior_acked = self.acked;
        let (prior_delivered, prior_lost) = (self.delivered, self.lost);
        let prior_in_flight = self.board.in_flight();
        let mut learnt = Learnt { has_data: ack.has_data, ..Learnt::default() };
        if ack.acked < prior_acked {
            // Overtaken by a later one; its selective part may be news all the same.
            if !ack.sacks.is_empty() {
                self.take_sacks(ack, prior_acked, &mut learnt, now);
                self.note_newest(&learnt);
                let what = self.judge(&mut learnt, prior_acked, now);
                self.retransmit(what, now);
            }
            return;
        }
        learnt.advances = ack.acked > prior_acked;
        if learnt.advances {
            self.timeouts_in_row = 0;
        }
        learnt.updates_window = self.update_window(ack);
        if learnt.updates_window && self.has_unsent() {
            self.restart_if_idle(now);
        }
        self.acked = ack.acked;
        let was_empty = self.board.is_empty();
        let prior_highest_sacked = self.board.highest_sacked(prior_acked);
        self.take_sacks(ack, prior_acked, &mut learnt, now);
        self.probing.unanswered = 0;
        if was_empty {
            if learnt.has_duplicate {
                self.judge(&mut learnt, prior_acked, now);
            }
            self.on_ack_of_nothing(now);
            self.settle_tail_probe(ack.acked, &learnt, now);
            return;
        }
        self.take_acked(prior_highest_sacked, prior_acked, &mut learnt, now);
        self.note_newest(&learnt);
        self.rack.adapt_window(learnt.newest.map(|newest| newest.stamp.delivered), self.delivered);
        self.settle_tail_probe(ack.acked, &learnt, now);
        let mut what = Retransmit::Nothing;
        if learnt.is_dubious() || self.recovery.phase != Phase::Open {
            what = self.judge(&mut learnt, prior_acked, now);
        }
        if learnt.sets_timer {
            self.set_timer(now);
        }
        let mut sample = RateSample {
            acked: self.delivered - prior_delivered,
            lost: self.lost - prior_lost,
            prior_in_flight,
            rtt: learnt.rtt,
            is_ack_delayed: learnt.may_be_delayed,
            ..RateSample::default()
        };
        self.rate.on_delivered(self.delivered, sample.acked > 0, now);
        if let Some(newest) = &learnt.newest {
            sample.measure(newest, self.delivered, self.rtt.min().unwrap_or_default(), now);
        }
        self.control_congestion(&learnt, sample, now);
        self.retransmit(what, now);
    }

    /// RFC 9293 §3.10.7.4: an update counts unless it comes from an older segment.
    fn update_window(&mut self, ack: &Acknowledgment<'_>) -> bool {
        let window = &mut self.peer_window;
        let is_newer = ack.acked > self.acked
            || ack.seq > window.updated_by
            || (ack.seq == window.updated_by && (ack.window_bytes > window.bytes || ack.window_bytes == 0));
        if is_newer {
            window.updated_by = ack.seq;
            window.bytes = ack.window_bytes;
            window.max_bytes = window.max_bytes.max(ack.window_bytes);
        }
        is_newer
    }

    /// Takes what is acknowledged for good off the board, and times it (Linux's `tcp_clean_rtx_queue`).
    fn take_acked(&mut self, prior_highest_sacked: u64, prior_acked: u64, learnt: &mut Learnt, now: Time) {
        let mut lowest_original = None;
        let prior_sacked = self.board.sacked();
        let prior_packets = self.board.packets_out();
        while let Some(packet) = self.board.take_acked(self.acked) {
            learnt.has_acked = true;
            if packet.was_retransmitted {
                learnt.has_acked_repeated = true;
            } else if !packet.is_sacked {
                let first = learnt.acked_sent_at.map_or(packet.sent_at, |(first, _)| first);
                learnt.acked_sent_at = Some((first, packet.sent_at));
                lowest_original.get_or_insert(packet.start);
                learnt.has_original_arrived |= packet.end <= self.recovery.high;
            }
            if !packet.is_sacked {
                self.delivered += 1;
                if !self.is_original_answered(packet.was_retransmitted, packet.sent_at) {
                    self.rack.on_delivered(&packet, self.rtt.min(), now);
                }
                learnt.note_delivery(&packet);
            }
        }
        self.board.trim_front(self.acked);
        self.buffer.release(self.acked);
        learnt.may_be_delayed = prior_packets - self.board.packets_out() == 1
            && !learnt.has_acked_repeated
            && !learnt.has_sacked
            && !learnt.has_duplicate
            && prior_sacked == 0
            && self.acked - prior_acked < self.segment_bytes
            && learnt.newest.is_some_and(|newest| newest.stamp.delivered + 1 == self.delivered);
        let has_sample = self.take_rtt_sample(learnt, now);
        learnt.sets_timer = learnt.has_acked || (has_sample && self.is_first_older_than_sample(learnt));
        if learnt.has_acked
            && let Some(start) = lowest_original.filter(|start| *start < prior_highest_sacked)
        {
            self.note_reordering(start, prior_highest_sacked);
        }
    }

    /// Whether the echo shows that an earlier copy of a packet sent again has arrived (Eifel, RFC 3522).
    fn is_original_answered(&self, was_retransmitted: bool, sent_at: Time) -> bool {
        was_retransmitted && self.echo.is_some_and(|echo| is_before(echo, self.clock.value_at(sent_at)))
    }

    /// A selective acknowledgment of something sent after the first packet restarts the timer, an older one must not:
    /// the timeout would run away.
    fn is_first_older_than_sample(&self, learnt: &Learnt) -> bool {
        match (learnt.sacked_sent_at, self.board.first()) {
            (Some((sampled, _)), Some(first)) => sampled < first.sent_at,
            _ => false,
        }
    }

    /// Updates the round-trip estimates (RFC 6298 §3: never from a packet that was sent twice, except by timestamp).
    fn take_rtt_sample(&mut self, learnt: &mut Learnt, now: Time) -> bool {
        let acked = learnt.acked_sent_at.filter(|_| !learnt.has_acked_repeated);
        let by_packet = acked.or(learnt.sacked_sent_at).map(|(first, _)| now.since(first));
        let newest = learnt.sacked_sent_at.or(acked).map(|(_, last)| now.since(last));
        let by_echo = || {
            let echo = self.echo.filter(|_| learnt.has_acked)?;
            Some(self.clock.since(echo, now))
        };
        let Some(sample) = by_packet.or_else(by_echo) else { return false };
        let newest = newest.unwrap_or(sample);
        learnt.rtt = Some(newest);
        self.rtt.add_to_min(newest, now);
        self.rtt.add(sample, self.acked, self.next);
        self.congestion.on_rtt_sample(newest.max(Duration::from_micros(1)), self.acked, self.next, now);
        true
    }

    /// Ends the episode of a tail probe; a loss that it repaired still reduces the window (RFC 8985 §7.4).
    fn settle_tail_probe(&mut self, acked: u64, learnt: &Learnt, now: Time) {
        let Some(probe) = self.tail_probe.filter(|probe| acked >= probe.high) else { return };
        if !probe.is_retransmission || learnt.is_probe_duplicate {
            self.tail_probe = None;
        } else if acked > probe.high {
            self.tail_probe = None;
            self.recovery.high = self.next;
            self.congestion.begin_reduction(false);
            self.congestion.end_reduction(now);
            self.settle_phase();
        } else if learnt.is_duplicate_ack() && !learnt.has_sacked {
            self.tail_probe = None;
        }
    }

    /// The next flight begins with the newest packet delivered.
    const fn note_newest(&mut self, learnt: &Learnt) {
        if let Some(newest) = &learnt.newest {
            self.rate.on_newest(newest);
        }
    }

    fn control_congestion(&mut self, learnt: &Learnt, sample: RateSample, now: Time) {
        let ack = ControlAck {
            sample,
            path: self.path_state(now),
            advances: learnt.advances,
            may_grow: learnt.has_acked || (self.rack.is_path_reordering() && learnt.has_sacked),
        };
        self.congestion.on_ack(&ack, &mut self.rate);
    }
}

impl Learnt {
    /// Remembers the packet that left last among those delivered.
    pub(super) fn note_delivery(&mut self, packet: &Sent) {
        if self.newest.is_none_or(|newest| (packet.sent_at, packet.end) > (newest.sent_at, newest.end)) {
            self.newest = Some(*packet);
        }
    }
}
