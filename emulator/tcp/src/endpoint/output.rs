//! Segments made of what the halves want to say.

use bytes::Bytes;
use sluice_shared::time::Time;

use crate::segment::{Flags, Options, SackBlocks, Segment, Timestamps};
use crate::sender::Order;

use super::state::Endpoint;

impl Endpoint {
    /// Makes segments of everything the sender ordered; each carries an acknowledgment too.
    pub(super) fn flush(&mut self, now: Time) {
        while let Some(order) = self.sender.take_order() {
            let segment = self.data_segment(order, now);
            if !segment.payload.is_empty() {
                self.receiver.on_data_sent(now);
            }
            self.outbox.push_back(segment);
        }
    }

    /// Sends an acknowledgment alone.
    pub(super) fn send_ack(&mut self, now: Time) {
        self.send_bare(self.sender.next(), Flags::ACK, now);
    }

    /// Sends a segment without data at `offset`.
    pub(super) fn send_bare(&mut self, offset: u64, flags: Flags, now: Time) {
        let segment = self.segment(offset, flags, Bytes::new(), now);
        self.outbox.push_back(segment);
    }

    fn data_segment(&mut self, order: Order, now: Time) -> Segment {
        let buffer = self.sender.buffer();
        let payload = buffer.copy(order.start, order.end);
        let mut flags = Flags::ACK;
        if !payload.is_empty() && order.end >= buffer.data_end() {
            flags = flags | Flags::PSH;
        }
        if order.end > buffer.data_end() {
            flags = flags | Flags::FIN;
        }
        self.segment(order.start, flags, payload, now)
    }

    fn segment(&mut self, offset: u64, flags: Flags, payload: Bytes, now: Time) -> Segment {
        let window_bytes = self.receiver.on_ack_sent();
        let scale = self.receiver.window().scale();
        let sack = self.take_sack_blocks();
        let timestamps =
            self.recent_timestamp.map(|recent| Timestamps { value: self.clock.value_at(now), echo: recent });
        Segment {
            seq: self.own_space.seq_at(offset),
            ack: self.peer_space.seq_at(self.receiver.stream().next()),
            flags,
            window: u16::try_from(window_bytes >> scale).unwrap_or(u16::MAX),
            options: Options { timestamps, sack, ..Options::default() },
            payload,
        }
    }

    fn take_sack_blocks(&mut self) -> SackBlocks {
        let mut blocks = SackBlocks::default();
        if self.has_sack {
            let space = self.peer_space;
            for (first, end) in self.receiver.stream_mut().take_sack_ranges() {
                if !blocks.push(space.seq_at(first), space.seq_at(end)) {
                    break;
                }
            }
        }
        blocks
    }

    /// Answers a segment that belongs to no connection (RFC 9293 §3.10.7.1).
    pub(super) fn queue_reset_for(&mut self, segment: &Segment) {
        let has_ack = segment.flags.contains(Flags::ACK);
        let end = crate::seq::SeqSpace::new(segment.seq).seq_at(segment.sequence_len());
        self.outbox.push_back(Segment {
            seq: if has_ack { segment.ack } else { Default::default() },
            ack: if has_ack { Default::default() } else { end },
            flags: if has_ack { Flags::RST } else { Flags::RST | Flags::ACK },
            window: 0,
            options: Options::default(),
            payload: Bytes::new(),
        });
    }
}
