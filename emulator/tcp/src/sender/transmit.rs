//! What leaves, and what keeps it from leaving.

use sluice_shared::time::Time;

use crate::cubic_window::SendAttempt;
use crate::info::WaitsFor;
use crate::pacing::Pace;
use crate::recovery::{Phase, Retransmit};
use crate::scoreboard::Sent;

use super::Sender;
use super::state::TailProbe;
use super::timers::TimerKind;

/// A packet that the endpoint is to make of the bytes from `start` up to but without `end`; an empty one only asks for
/// an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// Why new data is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occasion {
    /// As much as both windows and the pace allow.
    Windows,
    /// One packet, whatever the congestion window says (RFC 8985 §7.3).
    TailProbe,
}

impl Sender {
    /// Takes as much of `data` as there is room for, and says how much that was.
    pub(crate) fn write(&mut self, data: &[u8], now: Time) -> usize {
        self.restart_if_idle(now);
        self.note_app_limit();
        let taken = self.buffer.write(data);
        self.push(now);
        taken
    }

    /// Sends a FIN behind the last byte.
    pub(crate) fn close(&mut self, now: Time) {
        self.buffer.close();
        self.push(now);
    }

    /// Sends what the windows allow; begins to probe the peer's window where only that is in the way.
    pub(crate) fn push(&mut self, now: Time) {
        self.send_new(Occasion::Windows, now);
        let is_paced = self.paced_until.is_some();
        if self.board.is_empty() && self.has_unsent() && self.timer.is_none() && !is_paced {
            self.arm_window_probe(now);
        }
        if self.buffer.is_short() && self.board.in_flight() < self.congestion.cwnd() {
            let packets = self.congestion.cwnd().max(10).max(self.rack.reordering() + 1);
            self.buffer.expand(self.congestion.buffered_windows() * packets, self.segment_bytes);
            self.congestion.on_send_buffer_expanded(now);
        }
    }

    /// The next packet that the endpoint is to send.
    pub(crate) fn take_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Whether something was written, or a FIN ordered, that has not been sent once.
    pub(super) fn has_unsent(&self) -> bool {
        self.next < self.buffer.end()
    }

    /// What keeps the next new packet from leaving.
    pub(crate) fn waits_for(&self) -> WaitsFor {
        if !self.has_unsent() {
            WaitsFor::NothingToSend
        } else if !self.is_next_packet_let_in() {
            WaitsFor::PeerWindow
        } else {
            WaitsFor::CongestionWindow
        }
    }

    /// Sends one packet of new data, or else the last packet again, to learn whether the tail was lost.
    pub(super) fn send_tail_probe(&mut self, now: Time) {
        if self.tail_probe.is_some() {
            self.rearm_retransmission(now);
            return;
        }
        let packets_out = self.board.packets_out();
        let mut is_retransmission = false;
        if self.has_unsent() && self.is_next_packet_let_in() {
            self.send_new(Occasion::TailProbe, now);
        } else if let Some(last) = self.board.last().copied() {
            is_retransmission = true;
            self.repeat(&last, false, now);
        }
        if is_retransmission || self.board.packets_out() > packets_out {
            self.tail_probe = Some(TailProbe { high: self.next, is_retransmission });
            self.counters.tail_probes += 1;
            self.timer = None;
        }
        self.rearm_retransmission(now);
    }

    /// Sends again what an acknowledgment, once judged, calls for.
    pub(super) fn retransmit(&mut self, what: Retransmit, now: Time) {
        match what {
            Retransmit::Nothing => return,
            Retransmit::NewFirst => {
                self.push(now);
                if self.next > self.recovery.high {
                    return;
                }
                self.recovery.is_checking_timeout = false;
            }
            Retransmit::Lost => {}
        }
        self.send_lost(now);
    }

    /// Sends lost packets again, the first ones first, as far as the congestion window and the pace allow.
    pub(super) fn send_lost(&mut self, now: Time) {
        let mut has_sent_first = false;
        while self.board.in_flight() < self.congestion.cwnd()
            && self.board.retransmissions_out() < self.board.lost()
            && let Some(packet) = self.board.first_to_retransmit()
        {
            if self.is_paced(now) {
                break;
            }
            let is_first = self.board.first().is_some_and(|first| first.start == packet.start);
            if !self.send_again(&packet, now) {
                break;
            }
            if self.recovery.is_reducing() {
                self.congestion.on_sent_in_reduction(1);
            }
            has_sent_first |= is_first;
        }
        let is_reordering_awaited = self.timer.is_some_and(|timer| timer.kind == TimerKind::Reordering);
        if has_sent_first && !is_reordering_awaited {
            self.restart_retransmission_timer(now);
        }
    }

    /// Sends `packet` again, with the small ones behind it; says whether the peer's window let it.
    pub(super) fn send_again(&mut self, packet: &Sent, now: Time) -> bool {
        let mut window_end = self.window_end();
        if packet.start >= window_end {
            // Only the first packet may go into a closed window: its acknowledgment tells of the opening.
            if packet.start != self.acked {
                return false;
            }
            window_end = packet.start + self.segment_bytes;
        }
        let joined = self.board.join_following(packet.end, self.segment_bytes, window_end).unwrap_or(*packet);
        self.repeat(&joined, true, now);
        self.recovery.on_retransmitted(self.clock.value_at(now));
        true
    }

    fn repeat(&mut self, packet: &Sent, is_counted: bool, now: Time) {
        self.note_idle_end(now);
        self.orders.push_back(Order { start: packet.start, end: packet.end });
        let stamp = self.rate.stamp(self.delivered, false, now);
        self.board.on_retransmitted(packet.end, now, stamp, is_counted);
        self.retransmitted += 1;
        self.pacer.on_sent(packet.end - packet.start, now);
        self.end_burst();
    }

    fn send_new(&mut self, occasion: Occasion, now: Time) {
        let mut sent = 0;
        let burst_packets = self.pace().map(|pace| pace.burst_packets);
        while self.has_unsent() {
            if self.pacer.packets_in_burst() == 0 && self.is_paced(now) {
                break;
            }
            let has_quota = self.board.in_flight() < self.congestion.cwnd();
            if !has_quota && occasion == Occasion::Windows {
                break;
            }
            if !self.is_next_packet_let_in() {
                break;
            }
            self.send_first_time(self.next_packet_end(), now);
            sent += 1;
            if occasion == Occasion::TailProbe {
                break;
            }
            if burst_packets.is_some_and(|packets| self.pacer.packets_in_burst() >= packets) {
                self.end_burst();
            }
        }
        self.end_burst();
        let is_cwnd_limited = self.board.in_flight() >= self.congestion.cwnd();
        if sent > 0 || is_cwnd_limited {
            self.note_attempt(is_cwnd_limited, now);
        }
        if sent > 0 {
            if self.recovery.is_reducing() {
                self.congestion.on_sent_in_reduction(sent);
            }
            if occasion == Occasion::Windows {
                self.schedule_tail_probe(false, now);
            }
        }
    }

    /// Where the next packet of new data ends: a FIN rides with the last bytes.
    fn next_packet_end(&self) -> u64 {
        if self.buffer.data_end() - self.next.min(self.buffer.data_end()) <= self.segment_bytes {
            self.buffer.end()
        } else {
            self.next + self.segment_bytes
        }
    }

    /// Whether the peer's window lets the next packet in as a whole.
    pub(super) fn is_next_packet_let_in(&self) -> bool {
        self.next_packet_end() <= self.window_end()
    }

    pub(super) fn send_first_time(&mut self, end: u64, now: Time) {
        self.note_idle_end(now);
        let was_empty = self.board.is_empty();
        let start = self.next;
        self.orders.push_back(Order { start, end });
        let stamp = self.rate.stamp(self.delivered, was_empty, now);
        self.board.push(Sent::first_time(start, end, now, stamp));
        self.next = end;
        self.pacer.on_sent(end - start, now);
        let is_probe_armed = self.timer.is_some_and(|timer| timer.kind == TimerKind::TailProbe);
        if was_empty || is_probe_armed {
            self.rearm_retransmission(now);
        }
    }

    fn note_attempt(&mut self, is_cwnd_limited: bool, now: Time) {
        let attempt = SendAttempt {
            is_cwnd_limited,
            packets_out: self.board.packets_out(),
            acked: self.acked,
            next: self.next,
            may_decay: self.recovery.phase == Phase::Open && !self.buffer.is_short(),
            rto: self.rtt.rto(),
        };
        self.congestion.on_send_attempt(attempt, self.slow_start_after_idle, now);
    }

    /// Data leaves at `now`: tells the congestion controller when nothing was in flight before.
    fn note_idle_end(&mut self, now: Time) {
        if self.board.in_flight() == 0 {
            let idle = self.last_sent_at.map(|last| now.since(last));
            let path = self.path_state(now);
            self.congestion.on_sending_begins(idle, self.rate.is_app_limited(), &path);
        }
        self.last_sent_at = Some(now);
    }

    fn pace(&self) -> Option<Pace> {
        self.congestion.pace(self.rtt.min())
    }

    /// Whether the next burst has to wait for the pace, and remembers until when.
    fn is_paced(&mut self, now: Time) -> bool {
        self.paced_until = self.pacer.wait_until(now);
        self.paced_until.is_some()
    }

    /// What left at this moment was a burst; the next one keeps its distance.
    pub(super) fn end_burst(&mut self) {
        self.pacer.end_burst(self.pace());
    }

    /// The application writes at a moment at which nothing but its slowness kept packets back.
    fn note_app_limit(&mut self) {
        let unsent = self.buffer.data_end().saturating_sub(self.next);
        let in_flight = self.board.in_flight();
        if unsent < self.segment_bytes
            && in_flight < self.congestion.cwnd()
            && self.board.lost() <= self.board.retransmissions_out()
        {
            self.rate.on_app_limited(self.delivered, in_flight);
        }
    }

    /// Data is written after a silence longer than a timeout: what is known of the path is old (RFC 5681 §4.1).
    pub(super) fn restart_if_idle(&mut self, now: Time) {
        if !self.slow_start_after_idle || !self.board.is_empty() {
            return;
        }
        if let Some(idle) = self.last_sent_at.map(|last| now.since(last))
            && idle > self.rtt.rto()
        {
            self.congestion.restart_after_idle(idle, self.rtt.rto(), self.recovery.is_reducing(), now);
        }
    }
}
