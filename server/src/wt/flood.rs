//! A flood that has a stream of its own, beside control and data.

use std::task::{Context, Poll};

use sluice_shared::time::Time;
use sluice_shared::wire::Inbound;
use tokio::io::ReadBuf;

use super::stream::{RecvStream, SendStream};
use crate::session::EchoBytes;

/// What is read at once, bytes.
const READ_BYTES: usize = 8 * 1024;
/// Reads of one turn; then control and data are looked at again.
const TURN: usize = 8;

/// Returns what comes on one stream after the other. While what was read can't go back, that stream is not read, and
/// QUIC's flow control holds the client back there and nowhere else.
#[derive(Default)]
pub(super) struct Flood {
    stream: Option<(SendStream, RecvStream)>,
    has_ended: bool,
    bytes: EchoBytes,
}

impl Flood {
    /// Takes a stream, unless the one before it is not over.
    pub(super) fn take(&mut self, send: SendStream, receive: RecvStream) -> bool {
        let is_free = self.stream.is_none();
        if is_free {
            (self.stream, self.has_ended) = (Some((send, receive)), false);
        }
        is_free
    }

    /// Moves what can be moved.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        for _ in 0..TURN {
            match self.poll_once(cx) {
                Poll::Ready(Step::Moved) => {}
                Poll::Ready(Step::Over) => return self.close(),
                Poll::Pending => return,
            }
        }
        cx.waker().wake_by_ref();
    }

    /// How the flood is taken.
    pub(super) fn inbound(&self, now: Time) -> Inbound {
        let mut inbound = self.bytes.inbound(now);
        if let Some((send, _)) = &self.stream {
            let (bytes, bound) = send.under_way();
            inbound.echo.held.bytes += bytes as u64;
            inbound.echo.bound.bytes += bound as u64;
        }
        inbound
    }

    fn poll_once(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let Some((send, receive)) = &mut self.stream else { return Poll::Pending };
        let mut moved = Poll::Pending;
        while !self.bytes.waiting().is_empty() {
            match send.poll_write(cx, self.bytes.waiting()) {
                Poll::Ready(Ok(written)) => self.bytes.advance(written),
                // A client that stops its stream, or resets it, has had enough of it.
                Poll::Ready(Err(_)) => return Poll::Ready(Step::Over),
                Poll::Pending => break,
            }
            moved = Poll::Ready(Step::Moved);
        }
        if self.has_ended {
            return if self.bytes.waiting().is_empty() { Poll::Ready(Step::Over) } else { Poll::Pending };
        }
        let room = self.bytes.room().min(READ_BYTES);
        if room == 0 {
            return moved;
        }
        let mut space = [0; READ_BYTES];
        let mut read = ReadBuf::new(&mut space[..room]);
        match receive.poll_read(cx, &mut read) {
            Poll::Ready(Ok(())) => {
                self.has_ended = read.filled().is_empty();
                self.bytes.push(read.filled());
                Poll::Ready(Step::Moved)
            }
            Poll::Ready(Err(_)) => Poll::Ready(Step::Over),
            Poll::Pending => moved,
        }
    }

    /// Ends the stream; what could not go back is forgotten.
    fn close(&mut self) {
        if let Some((mut send, _)) = self.stream.take()
            && self.bytes.waiting().is_empty()
        {
            send.finish();
        }
        self.bytes.advance(self.bytes.waiting().len());
        // Nothing waits any more, so reading may go on.
        self.bytes.room();
    }
}

/// What a look at the stream came to.
enum Step {
    Moved,
    Over,
}
