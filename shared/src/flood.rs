//! A flood: what a client sends to feel a server that stops reading.
//!
//! The server returns every byte ([`crate::wire::EchoBlock`]). [`Flood`] makes the blocks, checks what comes back byte
//! by byte, and measures; whoever drives it has the transport and the clock.

use std::collections::VecDeque;

use core::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;
use crate::time::Time;
use crate::wire::EchoBlock;

/// How a client floods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FloodStyle {
    /// Everything at once: what the network can't take yet waits in the client, and what is sent later behind it.
    #[default]
    Naive,
    /// A block only when the client's own buffer has room. What the system's send buffer below it holds, up to some
    /// megabytes, no page can see.
    Paced,
    /// A block only while less than [`Flood::CREDIT_BYTES`] have not come back.
    Credit,
}

impl FloodStyle {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Naive, Self::Paced, Self::Credit];

    /// The name used on the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Paced => "paced",
            Self::Credit => "credit",
        }
    }
}

/// One flood, from its first block to its last echo.
#[derive(Clone, Debug)]
pub struct Flood {
    style: FloodStyle,
    total: u64,
    sent: u64,
    echoed: u64,
    is_faithful: bool,
    /// Where blocks end that have not come back, and when they were handed over.
    under_way: VecDeque<(u64, Time)>,
    round_trips: Histogram,
    waits: u64,
    waiting_since: Option<Time>,
    longest_wait: Duration,
}

impl Flood {
    /// The largest flood, bytes.
    pub const MAX_BYTES: u64 = 32_000_000;
    /// What a paced flood lets wait in a client that only tells how much waits, bytes.
    pub const PACED_BYTES: u32 = 64 * 1024;
    /// What a flood by credit has under way at most, bytes: as much as a server holds without it stopping to read.
    pub const CREDIT_BYTES: u64 = EchoBlock::MAX_HELD as u64;

    /// A flood of `bytes` bytes, [`Flood::MAX_BYTES`] at most.
    pub fn new(style: FloodStyle, bytes: u64) -> Self {
        Self {
            style,
            total: bytes.min(Self::MAX_BYTES),
            sent: 0,
            echoed: 0,
            is_faithful: true,
            under_way: VecDeque::new(),
            round_trips: Histogram::default(),
            waits: 0,
            waiting_since: None,
            longest_wait: Duration::ZERO,
        }
    }

    /// The next block, to be handed over at `now`; `None` when all are, or when a flood that takes care has no room.
    pub fn next_block(&mut self, has_room: bool, now: Time) -> Option<EchoBlock> {
        if self.is_sent() {
            return None;
        }
        let may_send = match self.style {
            FloodStyle::Naive => true,
            FloodStyle::Paced => has_room,
            FloodStyle::Credit => self.sent - self.echoed < Self::CREDIT_BYTES,
        };
        if !may_send {
            if self.waiting_since.is_none() {
                self.waiting_since = Some(now);
                self.waits += 1;
            }
            return None;
        }
        if let Some(since) = self.waiting_since.take() {
            self.longest_wait = self.longest_wait.max(now.since(since));
        }
        let length = (self.total - self.sent).min(EchoBlock::MAX_PAYLOAD as u64);
        let number = self.sent / EchoBlock::MAX_PAYLOAD as u64;
        let payload = bytes_at(self.sent, length);
        self.sent += length;
        self.under_way.push_back((self.sent, now));
        Some(EchoBlock { number, payload })
    }

    /// Takes in what has come back; whether it is what was sent.
    pub fn handle_echo(&mut self, bytes: &[u8], now: Time) -> bool {
        let end = self.echoed + bytes.len() as u64;
        let is_right = end <= self.sent && bytes_at(self.echoed, bytes.len() as u64) == bytes;
        self.is_faithful &= is_right;
        self.echoed = end.min(self.sent);
        while let Some((_, handed_at)) = self.under_way.pop_front_if(|(end, _)| *end <= self.echoed) {
            self.round_trips.record(now.since(handed_at));
        }
        is_right
    }

    /// Sends no more blocks.
    pub fn stop(&mut self) {
        self.total = self.sent;
        self.waiting_since = None;
    }

    /// How it floods.
    pub const fn style(&self) -> FloodStyle {
        self.style
    }

    /// How much it is, bytes.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// What was handed over, bytes.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// What has come back, bytes.
    pub const fn echoed(&self) -> u64 {
        self.echoed
    }

    /// Whether all that has come back is what was sent, in its order.
    pub const fn is_faithful(&self) -> bool {
        self.is_faithful
    }

    /// Whether every block was handed over.
    pub const fn is_sent(&self) -> bool {
        self.sent >= self.total
    }

    /// Whether every byte has come back.
    pub const fn is_over(&self) -> bool {
        self.is_sent() && self.echoed >= self.sent
    }

    /// From handing a block over to its last byte's return.
    pub const fn round_trips(&self) -> &Histogram {
        &self.round_trips
    }

    /// How many times it had to wait.
    pub const fn waits(&self) -> u64 {
        self.waits
    }

    /// Since when it waits.
    pub const fn waiting_since(&self) -> Option<Time> {
        self.waiting_since
    }

    /// The longest wait up to `now`.
    pub fn longest_wait(&self, now: Time) -> Duration {
        self.waiting_since.map_or(self.longest_wait, |since| self.longest_wait.max(now.since(since)))
    }
}

/// The bytes of every flood from `offset` on: each tells its place, so that none can stand for another.
fn bytes_at(offset: u64, length: u64) -> Bytes {
    let byte = |place: u64| (place ^ (place >> 8) ^ (place >> 16) ^ (place >> 24)).to_le_bytes()[0];
    (offset..offset + length).map(byte).collect::<Vec<u8>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const BLOCK: u64 = EchoBlock::MAX_PAYLOAD as u64;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn a_naive_flood_is_handed_over_at_once_whatever_the_room() {
        let mut flood = Flood::new(FloodStyle::Naive, 3 * BLOCK + 5);
        let mut blocks = Vec::new();
        while let Some(block) = flood.next_block(false, at(0)) {
            blocks.push(block);
        }
        let told: Vec<_> = blocks.iter().map(|block| (block.number, block.payload.len() as u64)).collect();
        assert_eq!(told, [(0, BLOCK), (1, BLOCK), (2, BLOCK), (3, 5)]);
        assert!(flood.is_sent() && !flood.is_over());
        assert_eq!((flood.waits(), flood.waiting_since()), (0, None));
        for (second, block) in blocks.iter().enumerate() {
            assert!(flood.handle_echo(&block.payload, at(1_000 * (second as u64 + 1))));
        }
        assert!(flood.is_over() && flood.is_faithful());
        assert_eq!(flood.round_trips().count(), 4);
        assert!(flood.round_trips().max_micros() >= 4_000_000);
    }

    #[test]
    fn a_paced_flood_waits_for_room_and_says_how_long() {
        let mut flood = Flood::new(FloodStyle::Paced, 2 * BLOCK);
        assert!(flood.next_block(true, at(0)).is_some());
        assert!(flood.next_block(false, at(10)).is_none());
        assert!(flood.next_block(false, at(20)).is_none());
        assert_eq!((flood.waits(), flood.waiting_since()), (1, Some(at(10))));
        assert_eq!(flood.longest_wait(at(50)), Duration::from_millis(40));
        assert!(flood.next_block(true, at(70)).is_some());
        assert_eq!(flood.longest_wait(at(500)), Duration::from_millis(60));
        assert!(flood.next_block(true, at(80)).is_none() && flood.is_sent());
    }

    #[test]
    fn a_flood_by_credit_has_no_more_under_way_than_that() {
        let mut flood = Flood::new(FloodStyle::Credit, 1_000_000);
        let blocks: Vec<_> = core::iter::from_fn(|| flood.next_block(true, at(0))).collect();
        assert_eq!(flood.sent(), Flood::CREDIT_BYTES);
        assert!(flood.handle_echo(&blocks[0].payload, at(5)));
        assert!(flood.next_block(false, at(6)).is_some(), "whatever the room");
        assert!(flood.next_block(true, at(7)).is_none());
        assert_eq!((flood.waits(), flood.longest_wait(at(9))), (2, Duration::from_millis(6)));
    }

    #[test]
    fn echoes_come_back_in_any_pieces_and_the_smallest_change_is_seen() {
        let mut flood = Flood::new(FloodStyle::Naive, 2 * BLOCK);
        let blocks: Vec<_> = core::iter::from_fn(|| flood.next_block(true, at(0))).collect();
        let whole: Vec<u8> = blocks.iter().flat_map(|block| block.payload.to_vec()).collect();
        let mut pieces = flood.clone();
        for piece in whole.chunks(1_000) {
            assert!(pieces.handle_echo(piece, at(1)));
        }
        assert!(pieces.is_over());
        let (mut swapped, mut changed, mut more) = (flood.clone(), flood.clone(), flood);
        assert!(!swapped.handle_echo(&blocks[1].payload, at(1)));
        let mut other = whole.clone();
        other[9_999] ^= 1;
        assert!(!changed.handle_echo(&other, at(1)) && !changed.is_faithful());
        assert!(more.handle_echo(&whole, at(1)) && !more.handle_echo(&[0], at(1)));
    }

    #[test]
    fn a_flood_is_bounded_and_can_be_stopped() {
        assert_eq!(Flood::new(FloodStyle::Naive, u64::MAX).total(), Flood::MAX_BYTES);
        let mut flood = Flood::new(FloodStyle::Paced, 10 * BLOCK);
        let block = flood.next_block(true, at(0)).expect("there are blocks");
        flood.stop();
        assert!(flood.next_block(true, at(1)).is_none());
        flood.handle_echo(&block.payload, at(2));
        assert!(flood.is_over());
    }
}
