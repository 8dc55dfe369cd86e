//! What clients flood a server with, on its way back to them.

use std::collections::VecDeque;
use std::task::Context;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use sluice_shared::time::{Time, micros};
use sluice_shared::units::Amount;
use sluice_shared::wire::{EchoBlock, Hop, Inbound};
use tokio::time::Instant;

/// Whether a flood is read, and for how long it was not.
#[derive(Debug, Default)]
struct Gate {
    stopped_at: Option<Instant>,
    stops: u64,
    stopped: Duration,
}

impl Gate {
    /// Reads on, or not.
    fn set(&mut self, reads: bool) {
        match (reads, self.stopped_at) {
            (false, None) => {
                self.stopped_at = Some(Instant::now());
                self.stops += 1;
            }
            (true, Some(since)) => {
                self.stopped += since.elapsed();
                self.stopped_at = None;
            }
            (false, Some(_)) | (true, None) => {}
        }
    }

    fn inbound(&self, held: Amount, now: Time) -> Inbound {
        let running = self.stopped_at.map(|since| since.elapsed());
        Inbound {
            echo: Hop { held, bound: Amount::new(0, EchoBlock::MAX_HELD as u64), oldest_age_micros: 0 },
            stopped_at: running
                .map(|running| Time::from_micros(now.as_micros().saturating_sub(micros(running)))),
            stops: self.stops,
            stopped_micros: micros(self.stopped + running.unwrap_or_default()),
        }
    }
}

/// Blocks that wait for their way back on a connection that everything shares.
#[derive(Debug, Default)]
pub(crate) struct EchoQueue {
    blocks: VecDeque<EchoBlock>,
    bytes: usize,
    /// Whether others have their turn.
    rests: bool,
    gate: Gate,
}

impl EchoQueue {
    /// Adds a block behind the others; one may pass [`EchoBlock::MAX_HELD`].
    pub(crate) fn push(&mut self, block: EchoBlock) {
        self.bytes += block.payload.len();
        self.blocks.push_back(block);
    }

    /// The next block to be written. Between two of them there is none for once, and the task is woken: so it comes by
    /// what else there is to send while nothing is being written.
    pub(crate) fn next(&mut self, cx: &Context<'_>) -> Option<EchoBlock> {
        if self.rests {
            self.rests = false;
            cx.waker().wake_by_ref();
            return None;
        }
        let block = self.blocks.pop_front()?;
        self.bytes -= block.payload.len();
        self.rests = true;
        Some(block)
    }

    /// Whether the client is to be read: not while too much waits. Asked each time before it is.
    pub(crate) fn may_read(&mut self) -> bool {
        let may_read = self.bytes < EchoBlock::MAX_HELD;
        self.gate.set(may_read);
        may_read
    }

    /// Whether the client was not to be read when that was asked last.
    pub(crate) const fn has_stopped(&self) -> bool {
        self.gate.stopped_at.is_some()
    }

    /// How the flood is taken.
    pub(crate) fn inbound(&self, now: Time) -> Inbound {
        self.gate.inbound(Amount::new(self.blocks.len() as u64, self.bytes as u64), now)
    }
}

/// Bytes that wait for their way back on a stream of their own.
#[derive(Debug, Default)]
pub(crate) struct EchoBytes {
    bytes: BytesMut,
    gate: Gate,
}

impl EchoBytes {
    /// How much may be read; 0 while too much waits.
    pub(crate) fn room(&mut self) -> usize {
        let room = EchoBlock::MAX_HELD.saturating_sub(self.bytes.len());
        self.gate.set(room > 0);
        room
    }

    /// Adds what was read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What waits, oldest first.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.bytes
    }

    /// The oldest bytes have gone back.
    pub(crate) fn advance(&mut self, written: usize) {
        self.bytes.advance(written);
    }

    /// How the flood is taken.
    pub(crate) fn inbound(&self, now: Time) -> Inbound {
        self.gate.inbound(Amount::new(0, self.bytes.len() as u64), now)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn block(number: u64) -> EchoBlock {
        EchoBlock { number, payload: vec![1; EchoBlock::MAX_PAYLOAD].into() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_bounded_and_the_time_without_reading_is_counted() {
        let mut queue = EchoQueue::default();
        let mut pushed = 0;
        while queue.may_read() {
            queue.push(block(pushed));
            pushed += 1;
        }
        assert_eq!(pushed, 8, "eight blocks of 8 KiB fill 64 KiB");
        tokio::time::advance(Duration::from_millis(300)).await;
        let now = Time::from_millis(10_000);
        let inbound = queue.inbound(now);
        assert_eq!(inbound.stopped_at, Some(Time::from_millis(9_700)));
        assert_eq!((inbound.stops, inbound.stopped_micros), (1, 300_000));
        assert_eq!(inbound.echo.held, Amount::new(8, 64 * 1024));
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(queue.next(&cx).map(|block| block.number), Some(0));
        assert_eq!(queue.next(&cx), None, "others have their turn");
        assert_eq!(queue.next(&cx).map(|block| block.number), Some(1));
        assert!(queue.may_read() && !queue.has_stopped());
        tokio::time::advance(Duration::from_millis(500)).await;
        let inbound = queue.inbound(now);
        assert_eq!((inbound.stopped_at, inbound.stops, inbound.stopped_micros), (None, 1, 300_000));
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_go_back_in_their_order() {
        let mut bytes = EchoBytes::default();
        assert_eq!(bytes.room(), EchoBlock::MAX_HELD);
        bytes.push(b"first ");
        let room = bytes.room();
        bytes.push(&vec![0; room]);
        assert_eq!(bytes.room(), 0);
        assert!(bytes.inbound(Time::ZERO).stopped_at.is_some());
        assert_eq!(bytes.waiting().get(..6), Some(&b"first "[..]));
        bytes.advance(6);
        assert_eq!((bytes.room(), bytes.waiting().len()), (6, EchoBlock::MAX_HELD - 6));
        assert_eq!(bytes.inbound(Time::ZERO).stops, 1);
    }
}
