//! From nothing to established (RFC 9293 §3.5, RFC 7323 §1.3, RFC 2018 §2).

use core::time::Duration;

use sluice_shared::time::Time;

use crate::receiver::Receiver;
use crate::rtt::INITIAL_RTO;
use crate::segment::{Flags, Options, Segment, Timestamps};
use crate::sender::Sender;
use crate::seq::SeqSpace;

use super::closing::EndReason;
use super::state::{Endpoint, State};

/// Least segment that a peer may be held to (`TCP_MIN_MSS`).
const MIN_SEGMENT_BYTES: u64 = 88;
/// What the timestamps option takes of each segment.
const TIMESTAMP_BYTES: u64 = 12;

/// A SYN or SYN-ACK that is not answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Handshake {
    sent_at: Time,
    /// How often it was sent again.
    retransmissions: u32,
    wait: Duration,
    pub(super) due: Option<Time>,
}

impl Endpoint {
    /// Sends a SYN, with everything this side can do in its options.
    pub(super) fn send_syn(&mut self, now: Time) {
        self.begin_wait(now);
        self.queue_syn(now);
    }

    /// Answers a SYN.
    pub(super) fn on_syn_in_listen(&mut self, segment: &Segment, now: Time) {
        self.take_syn(segment, now);
        self.state = State::SynReceived;
        self.begin_wait(now);
        self.queue_syn(now);
    }

    /// In SYN-SENT: takes the answer, or a refusal.
    pub(super) fn on_segment_in_syn_sent(&mut self, segment: &Segment, now: Time) {
        let is_ours = segment.flags.contains(Flags::ACK)
            && self.own_space.offset_of(segment.ack, 1).is_some_and(|acked| acked == 1);
        if segment.flags.contains(Flags::ACK) && !is_ours {
            self.queue_reset_for(segment);
            return;
        }
        if segment.flags.contains(Flags::RST) {
            if is_ours {
                self.end(EndReason::Refused);
            }
            return;
        }
        if segment.flags.contains(Flags::SYN) && is_ours {
            self.take_syn(segment, now);
            self.establish(segment, u64::from(segment.window), now);
            self.send_ack(now);
            self.sender.push(now);
            self.flush(now);
        }
    }

    /// In SYN-RECEIVED: an acknowledgment of our SYN establishes the connection. Says whether it was one.
    pub(super) fn on_ack_in_syn_received(&mut self, segment: &Segment, now: Time) -> bool {
        let acked = self.own_space.offset_of(segment.ack, 1);
        if !segment.flags.contains(Flags::ACK) || acked.is_none_or(|acked| acked == 0) {
            return false;
        }
        if acked != Some(1) {
            self.queue_reset_for(segment);
            return false;
        }
        self.establish(segment, u64::from(segment.window) << self.peer_scale, now);
        true
    }

    /// Sends the SYN or SYN-ACK again when it was not answered, each time after a longer wait.
    pub(super) fn on_handshake_timeout(&mut self, now: Time) {
        let (most, linear) = if self.state == State::SynSent {
            (self.config.max_syn_retransmissions, self.config.linear_syn_timeouts)
        } else {
            (self.config.max_syn_ack_retransmissions, 0)
        };
        if self.handshake.retransmissions >= most {
            self.end(EndReason::TimedOut);
            return;
        }
        self.handshake.retransmissions += 1;
        if self.handshake.retransmissions > linear {
            self.handshake.wait = (self.handshake.wait * 2).min(self.config.max_rto);
        }
        self.handshake.due = Some(now + self.handshake.wait);
        self.queue_syn(now);
    }

    fn begin_wait(&mut self, now: Time) {
        self.handshake =
            Handshake { sent_at: now, retransmissions: 0, wait: INITIAL_RTO, due: Some(now + INITIAL_RTO) };
    }

    /// Puts a SYN, or in SYN-RECEIVED a SYN-ACK, into the outbox.
    pub(super) fn queue_syn(&mut self, now: Time) {
        let is_answer = self.state == State::SynReceived;
        let timestamps =
            Timestamps { value: self.clock.value_at(now), echo: self.recent_timestamp.unwrap_or(0) };
        let scale = self.receiver.window().scale();
        let options = Options {
            max_segment_bytes: Some(self.config.max_segment_bytes),
            window_scale: (!is_answer || self.peer_scale > 0 || scale > 0).then_some(scale),
            is_sack_permitted: !is_answer || self.has_sack,
            timestamps: (!is_answer || self.recent_timestamp.is_some()).then_some(timestamps),
            ..Options::default()
        };
        let ack = if is_answer {
            self.peer_space.seq_at(self.receiver.stream().next())
        } else {
            Default::default()
        };
        self.outbox.push_back(Segment {
            seq: self.own_space.seq_at(0),
            ack,
            flags: if is_answer { Flags::SYN | Flags::ACK } else { Flags::SYN },
            window: u16::try_from(self.receiver.window().offered()).unwrap_or(u16::MAX),
            options,
            payload: Default::default(),
        });
    }

    /// Learns the peer's numbers and options from its SYN.
    fn take_syn(&mut self, segment: &Segment, now: Time) {
        let options = &segment.options;
        self.peer_space = SeqSpace::new(segment.seq);
        self.recent_timestamp = options.timestamps.map(|timestamps| timestamps.value);
        self.has_sack = options.is_sack_permitted;
        self.peer_scale = options.window_scale.unwrap_or(0).min(14);
        let peer_segment = options.max_segment_bytes.map_or(536, u64::from).max(MIN_SEGMENT_BYTES);
        let overhead = if self.recent_timestamp.is_some() { TIMESTAMP_BYTES } else { 0 };
        self.segment_bytes = peer_segment.min(u64::from(self.config.max_segment_bytes)) - overhead;
        self.receiver = Receiver::new(&self.config, self.segment_bytes, now);
        self.receiver.window_mut().set_scaling(options.window_scale.is_some());
        self.liveness.on_heard(now);
    }

    fn establish(&mut self, segment: &Segment, window_bytes: u64, now: Time) {
        // Karn: the round trip of a SYN that was sent twice is known by its timestamp only.
        let by_echo = segment.options.timestamps.map(|timestamps| self.clock.since(timestamps.echo, now));
        let by_clock = (self.handshake.retransmissions == 0).then(|| now.since(self.handshake.sent_at));
        let has_lost_syn = self.handshake.retransmissions > 1;
        self.handshake.due = None;
        let written = self.sender.buffer().clone();
        self.sender = Sender::new(&self.config, self.segment_bytes, self.clock, self.seed);
        self.sender.begin(written, window_bytes, by_clock.or(by_echo), has_lost_syn, now);
        let is_closed = self.sender.buffer().is_closed();
        self.state = if is_closed { State::FinWait1 } else { State::Established };
    }
}
