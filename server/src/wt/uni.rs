//! A unidirectional stream that carries data.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use sluice_relay::ServerWrite;
use sluice_shared::session::Batch;
use sluice_shared::time::Time;
use sluice_shared::wire::Hop;

use super::data::Path;
use super::stream::SendStream;
use crate::session::{Ended, Limits, Transit};

/// A stream (or a stream for each message) and what waits for it.
pub(super) struct UniLane {
    path: Path,
    stream: State,
    per_message: bool,
    /// What waits: behind the stream's header if the stream has not begun.
    out: BytesMut,
    /// Bytes at the front of `out` that are no items.
    header_bytes: usize,
    /// Bytes that the stream has taken.
    written: u64,
    /// Whether the stream has refused some of `out`.
    blocked: bool,
    transit: Transit,
}

type Opening = Pin<Box<dyn Future<Output = Result<SendStream, Ended>> + Send>>;

enum State {
    Unopened,
    /// The peer's limit of streams is reached.
    Opening(Opening),
    Open(SendStream),
}

impl UniLane {
    /// One stream for everything that is written.
    pub(super) fn one_stream(path: Path) -> Self {
        Self::new(path, false)
    }

    /// A stream for each batch.
    pub(super) fn stream_per_message(path: Path) -> Self {
        Self::new(path, true)
    }

    fn new(path: Path, per_message: bool) -> Self {
        Self {
            path,
            stream: State::Unopened,
            per_message,
            out: BytesMut::new(),
            header_bytes: 0,
            written: 0,
            blocked: false,
            transit: Transit::default(),
        }
    }

    /// Where to append, and how many bytes; `None` while enough waits.
    pub(super) fn room(&mut self) -> Option<(usize, &mut BytesMut)> {
        let waits = self.waiting_bytes() + self.untaken_bytes();
        let is_full = waits >= Limits::WRITE_BYTES / 2 || (self.per_message && self.waiting_bytes() > 0);
        if self.blocked || is_full {
            return None;
        }
        if self.out.is_empty() && !matches!(self.stream, State::Open(_)) {
            self.path.write_stream_header(&mut self.out);
            self.header_bytes = self.out.len();
        }
        Some((Limits::WRITE_BYTES - waits, &mut self.out))
    }

    /// A batch was appended.
    pub(super) fn seal(&mut self, batch: Batch) {
        self.transit.push(batch);
        self.tell();
    }

    /// Tells the lab what was handed over. A stream that has no number yet is told of as soon as it has.
    fn tell(&self) {
        if let State::Open(stream) = &self.stream {
            let end = self.written + self.out.len() as u64;
            self.path.tell(ServerWrite::Stream { id: stream.id(), end });
        }
    }

    /// Bytes of items that wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.out.len() - self.header_bytes
    }

    /// Bytes that were handed over on their way to another process, and that QUIC has not taken there. Streams that
    /// carry one message each have the connection to themselves.
    fn untaken_bytes(&self) -> usize {
        match &self.stream {
            State::Open(stream) if !self.per_message => stream.untaken_bytes(),
            State::Unopened | State::Opening(_) if !self.per_message => 0,
            State::Unopened | State::Opening(_) | State::Open(_) => self.path.connection().untaken_bytes(),
        }
    }

    /// What waits.
    pub(super) fn hop(&mut self, now: Time) -> Hop {
        let waiting = (self.waiting_bytes() + self.untaken_bytes()) as u64;
        self.transit.held(waiting, Limits::WRITE_BYTES as u64, now)
    }

    /// Writes what waits.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if self.waiting_bytes() == 0 {
            return self.poll_taken(cx);
        }
        self.blocked = true;
        ready!(self.poll_write(cx))?;
        self.blocked = false;
        if self.per_message
            && let State::Open(mut stream) = std::mem::replace(&mut self.stream, State::Unopened)
        {
            // What is left to do is QUIC's: nobody waits for the acknowledgement.
            stream.finish();
            self.written = 0;
        }
        self.poll_taken(cx)
    }

    /// Waits until QUIC has taken all, in whatever process it is.
    fn poll_taken(&self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        self.path.connection().wake_on_news(cx);
        if self.untaken_bytes() == 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        loop {
            match &mut self.stream {
                State::Unopened => {
                    self.stream = self.path.open_uni(cx)?;
                    self.tell();
                }
                State::Opening(opening) => {
                    let stream = ready!(opening.as_mut().poll(cx))?;
                    self.stream = State::Open(stream);
                    self.tell();
                }
                State::Open(stream) => {
                    while !self.out.is_empty() {
                        let written = ready!(stream.poll_write(cx, &self.out))?;
                        self.out.advance(written);
                        self.written += written as u64;
                        self.header_bytes = self.header_bytes.saturating_sub(written);
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Ends the stream after what was written.
    pub(super) fn finish(&mut self) {
        if let State::Open(stream) = &mut self.stream {
            stream.finish();
        }
    }
}

impl Path {
    /// Opens a stream at once if the peer's limit allows it. Only otherwise the opening is kept, since it must be
    /// waited for with the same future.
    fn open_uni(&self, cx: &mut Context<'_>) -> Result<State, Ended> {
        let connection = self.connection();
        {
            let opening = std::pin::pin!(connection.open_uni());
            if let Poll::Ready(stream) = opening.poll(cx) {
                return stream.map(State::Open);
            }
        }
        let connection = connection.clone();
        Ok(State::Opening(Box::pin(async move { connection.open_uni().await })))
    }

    /// Opens a WebTransport stream: its type, and the session it belongs to (draft-ietf-webtrans-http3 §4.2).
    fn write_stream_header(&self, out: &mut BytesMut) {
        put_varint(out, 0x54);
        put_varint(out, self.connection().session_id());
    }
}

/// Appends a QUIC variable-length integer (RFC 9000 §16); larger ones than it can carry do not occur.
pub(crate) fn put_varint(out: &mut BytesMut, value: u64) {
    match value {
        0..0x40 => out.put_u8(value.to_le_bytes()[0]),
        0x40..0x4000 => out.put_uint(0x4000 | value, 2),
        0x4000..0x4000_0000 => out.put_uint(0x8000_0000 | value, 4),
        _ => out.put_u64(0xc000_0000_0000_0000 | value),
    }
}

/// The connection is gone.
pub(super) fn left(error: impl std::fmt::Display) -> Ended {
    Ended::Left(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_as_quic_does() {
        // The examples of RFC 9000 appendix A.1.
        for (value, bytes) in [
            (37, &[0x25][..]),
            (15_293, &[0x7b, 0xbd]),
            (494_878_333, &[0x9d, 0x7f, 0x3e, 0x7d]),
            (151_288_809_941_952_652, &[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c]),
        ] {
            let mut out = BytesMut::new();
            put_varint(&mut out, value);
            assert_eq!(out, bytes, "{value}");
        }
    }
}
