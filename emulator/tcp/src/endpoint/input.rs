//! What a segment means, by state (RFC 9293 §3.10.7, RFC 5961).

use sluice_shared::time::Time;

use crate::receiver::Arriving;
use crate::segment::{Flags, SackBlocks, Segment};
use crate::sender::Acknowledgment;
use crate::timestamp::is_before;

use super::closing::EndReason;
use super::state::{Endpoint, State};

impl Endpoint {
    /// Takes a segment from the peer.
    pub fn handle_segment(&mut self, segment: &Segment, now: Time) {
        match self.state {
            State::Closed => {
                if !segment.flags.contains(Flags::RST) {
                    self.queue_reset_for(segment);
                }
            }
            State::Listen => self.on_segment_in_listen(segment, now),
            State::SynSent => self.on_segment_in_syn_sent(segment, now),
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => self.on_segment_in_order(segment, now),
        }
    }

    fn on_segment_in_listen(&mut self, segment: &Segment, now: Time) {
        if segment.flags.contains(Flags::RST) {
            return;
        }
        if segment.flags.contains(Flags::ACK) {
            self.queue_reset_for(segment);
        } else if segment.flags.contains(Flags::SYN) {
            self.on_syn_in_listen(segment, now);
        }
    }

    /// Both sides know where the other's numbers begin.
    fn on_segment_in_order(&mut self, segment: &Segment, now: Time) {
        let next = self.receiver.stream().next();
        let Some(start) = self.peer_space.offset_of(segment.seq, next) else { return };
        if segment.flags.contains(Flags::RST) {
            self.on_reset(start, now);
            return;
        }
        if segment.flags.contains(Flags::SYN) {
            self.on_stray_syn(now);
            return;
        }
        if !segment.flags.contains(Flags::ACK) {
            return;
        }
        self.liveness.on_heard(now);
        if self.state == State::SynReceived && !self.on_ack_in_syn_received(segment, now) {
            return;
        }
        let end = start + segment.sequence_len();
        if !self.receiver.is_acceptable(start, end) && !self.is_old_data(start, end) {
            self.refuse(start < end, now);
            return;
        }
        self.note_timestamp(segment, start);
        self.take_ack(segment, start, now);
        if segment.sequence_len() > 0 {
            self.take_data(segment, start, now);
        }
        self.sender.push(now);
        self.flush(now);
        if self.can_acknowledge() {
            let path = self.path();
            if self.receiver.is_ack_due_after_arrival(path, now) {
                self.send_ack(now);
            }
        }
        self.advance_closing(now);
    }

    /// Data that was received before: it is answered with a report of the duplicate (RFC 2883).
    fn is_old_data(&self, start: u64, end: u64) -> bool {
        start < end && end <= self.receiver.stream().next()
    }

    fn take_ack(&mut self, segment: &Segment, start: u64, now: Time) {
        let Some(acked) = self.own_space.offset_of(segment.ack, self.sender.acked()) else { return };
        let mut ranges = [(0, 0); SackBlocks::MAX];
        let mut count = 0;
        for (slot, (first, end)) in ranges.iter_mut().zip(segment.options.sack.iter()) {
            let offsets = self.own_space.offset_of(first, acked).zip(self.own_space.offset_of(end, acked));
            let Some((first, end)) = offsets.filter(|(first, end)| first < end) else { continue };
            *slot = (first, end);
            count += 1;
        }
        let ack = Acknowledgment {
            acked,
            window_bytes: u64::from(segment.window) << self.peer_scale,
            seq: start,
            sacks: ranges.get(..count).unwrap_or_default(),
            echo: segment.options.timestamps.map(|timestamps| timestamps.echo),
            has_data: !segment.payload.is_empty(),
        };
        self.sender.handle_ack(&ack, now);
    }

    fn take_data(&mut self, segment: &Segment, start: u64, now: Time) {
        let stream = self.receiver.stream();
        let window_end = stream.next() + self.receiver.window().left(stream.next());
        let room = usize::try_from(window_end.saturating_sub(start)).unwrap_or(usize::MAX);
        let is_whole = segment.payload.len() <= room;
        let payload = segment.payload.slice(..segment.payload.len().min(room));
        let arriving = Arriving {
            has_push: segment.flags.contains(Flags::PSH) || segment.flags.contains(Flags::FIN),
            has_fin: segment.flags.contains(Flags::FIN) && is_whole,
        };
        if let Some(timestamps) = segment.options.timestamps {
            let sample = self.clock.since(timestamps.echo, now);
            self.receiver.on_rtt_sample(payload.len() as u64, sample);
        }
        let path = self.path();
        self.receiver.handle_data(start, &payload, arriving, path, now);
    }

    /// Remembers the timestamp to echo: that of the earliest segment not acknowledged yet (RFC 7323 §4.3).
    fn note_timestamp(&mut self, segment: &Segment, start: u64) {
        let Some(timestamps) = segment.options.timestamps else { return };
        let is_newer = self.recent_timestamp.is_some_and(|recent| !is_before(timestamps.value, recent));
        if is_newer && start <= self.receiver.window().offered_from() {
            self.recent_timestamp = Some(timestamps.value);
        }
    }

    /// A reset counts only at the very next number; elsewhere in the window it is questioned (RFC 5961 §3.2).
    fn on_reset(&mut self, start: u64, now: Time) {
        if start == self.receiver.stream().next() {
            let is_over = matches!(self.state, State::TimeWait | State::LastAck | State::Closing);
            self.end(if is_over { EndReason::Finished } else { EndReason::Reset });
        } else if self.receiver.is_acceptable(start, start) && self.can_acknowledge() {
            self.send_ack(now);
        }
    }

    /// A SYN again: our answer to the first was lost.
    fn on_stray_syn(&mut self, now: Time) {
        if self.state == State::SynReceived {
            self.queue_syn(now);
        } else {
            self.send_ack(now);
        }
    }

    /// Outside the window, such as a probe of it: says where this side stands.
    fn refuse(&mut self, has_data: bool, now: Time) {
        if has_data {
            self.receiver.refuse();
        }
        if self.can_acknowledge() {
            self.send_ack(now);
        }
    }
}
