//! Messages in fragments, on purpose (RFC 6455 §5.4).

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tungstenite::Message;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

/// Cuts messages into fragments, and puts a ping between two of them now and then: control frames may stand there.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    /// Payload bytes of a fragment at most; 0 leaves messages whole.
    bytes: usize,
    pinged_at: Option<Instant>,
}

impl Fragments {
    /// Between two pings that stand among fragments.
    const PING_EVERY: Duration = Duration::from_secs(1);
    /// What such a ping carries, so that its pong is told from that of others.
    const PING: &'static [u8] = b"between fragments";

    /// Fragments of at most so many payload bytes from here on, or whole messages with 0.
    pub(super) fn set_size(&mut self, bytes: u32) {
        self.bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }

    /// The frames of a binary message; `None` when it stays whole.
    pub(super) fn cut(&mut self, mut rest: Bytes, now: Instant) -> Option<Vec<Message>> {
        if self.bytes == 0 || rest.len() <= self.bytes {
            return None;
        }
        let mut frames = Vec::with_capacity(rest.len().div_ceil(self.bytes) + 1);
        while !rest.is_empty() {
            let kind = if frames.is_empty() { Data::Binary } else { Data::Continue };
            let payload = rest.split_to(self.bytes.min(rest.len()));
            frames.push(Message::Frame(Frame::message(payload, OpCode::Data(kind), rest.is_empty())));
            let is_ping_due = self.pinged_at.is_none_or(|at| now.duration_since(at) >= Self::PING_EVERY);
            if is_ping_due && frames.len() == 1 {
                self.pinged_at = Some(now);
                frames.push(Message::Ping(Bytes::from_static(Self::PING)));
            }
        }
        Some(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First bytes and payloads of what is sent.
    fn sent(frames: Vec<Message>) -> Vec<(u8, Vec<u8>)> {
        let first = |frame: &Frame| {
            let header = frame.header();
            u8::from(header.opcode) | u8::from(header.is_final) << 7
        };
        frames
            .into_iter()
            .map(|message| match message {
                Message::Frame(frame) => (first(&frame), frame.payload().to_vec()),
                Message::Ping(payload) => (0x89, payload.to_vec()),
                other @ (Message::Text(_) | Message::Binary(_) | Message::Pong(_) | Message::Close(_)) => {
                    panic!("{other:?} has no place among fragments")
                }
            })
            .collect()
    }

    #[test]
    fn a_message_is_cut_and_a_ping_stands_in_it_once_a_second() {
        let mut fragments = Fragments::default();
        let (message, now) = (Bytes::from_static(b"abcdefg"), Instant::now());
        assert_eq!(fragments.cut(message.clone(), now), None, "whole until somebody asks");
        fragments.set_size(3);
        let cut = fragments.cut(message.clone(), now).expect("longer than a fragment");
        let ping = (0x89, Fragments::PING.to_vec());
        let parts = [(0x02, b"abc".to_vec()), (0x00, b"def".to_vec()), (0x80, b"g".to_vec())];
        assert_eq!(sent(cut), [parts[0].clone(), ping.clone(), parts[1].clone(), parts[2].clone()]);
        let cut = fragments.cut(message.clone(), now + Duration::from_millis(999)).expect("as before");
        assert_eq!(sent(cut), parts);
        let cut = fragments.cut(message, now + Duration::from_secs(1)).expect("as before");
        assert!(sent(cut).contains(&ping));
        assert_eq!(fragments.cut(Bytes::from_static(b"abc"), now), None, "it fits into one");
    }
}
