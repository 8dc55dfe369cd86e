//! Simulated consumer: how long it holds each message, and when it completes it.
//!
//! It holds one message at a time. A waiting consumer follows a chain of deadlines: it takes a message when
//! the previous one completes or when the message arrives, whichever is later, and completes it after its
//! delay. Browser timers are up to 4 ms late; everything due by then is completed together, each at its own
//! time, so the average rate is exact. A computing consumer completes a message after actually spending the
//! time on its thread.

use core::time::Duration;

use sluice_shared::session::Delivered;
use sluice_shared::time::{Time, micros};
use sluice_shared::units::Amount;
use sluice_shared::wire::Hop;

use super::model::ConsumptionTimes;
use sluice_bridge::{Consumer, Work};

/// Simulated consumer with its current message.
#[derive(Debug)]
pub(super) struct ConsumerSimulator {
    settings: Consumer,
    in_hand: Option<InHand>,
    /// Time at which the last message was completed.
    free_since: Time,
}

#[derive(Debug)]
struct InHand {
    message: Delivered,
    taken_at: Time,
}

/// Interface of the lane to its consumer.
pub(super) trait ConsumerContext {
    /// Takes the oldest waiting message.
    fn next_message(&mut self) -> Option<Delivered>;
    /// Handles a consumed message.
    fn handle_consumed(&mut self, message: Delivered, passage: ConsumptionTimes);
    /// Returns the time, which advances while the consumer computes.
    fn now(&mut self) -> Time;
}

impl ConsumerSimulator {
    /// Maximum number of messages that one call completes; the rest wait for the next call.
    const MOST_AT_ONCE: usize = 4_096;
    /// Longest time for which a computing consumer keeps the thread, unless a single message takes longer.
    const TURN: Duration = Duration::from_millis(2);

    /// Creates a consumer without a current message.
    pub(super) fn new(settings: Consumer) -> Self {
        Self { settings: within_range(settings), in_hand: None, free_since: Time::ZERO }
    }

    /// Changes the settings, also for the current message.
    pub(super) fn set(&mut self, settings: Consumer) {
        self.settings = within_range(settings);
    }

    /// Completes due messages without blocking the thread, and takes the next one.
    pub(super) fn run(&mut self, around: &mut impl ConsumerContext) {
        if self.in_hand.is_none() {
            self.in_hand = self.take_next(around);
        }
        let now = around.now();
        for _ in 0..Self::MOST_AT_ONCE {
            if self.poll_timeout().is_none_or(|done_at| done_at > now) {
                return;
            }
            let Some(InHand { message, taken_at }) = self.in_hand.take() else { return };
            let consumed_at = taken_at + self.delay();
            self.complete(message, ConsumptionTimes { taken_at, consumed_at }, around);
            self.in_hand = self.take_next(around);
        }
    }

    /// Runs a computing consumer for one time slice.
    pub(super) fn compute(&mut self, around: &mut impl ConsumerContext) {
        let turn_ends = around.now() + Self::TURN;
        while self.computes()
            && let Some(InHand { message, taken_at }) = self.in_hand.take()
        {
            let done_at = around.now() + self.delay();
            let mut consumed_at = around.now();
            while consumed_at < done_at {
                consumed_at = around.now();
            }
            self.complete(message, ConsumptionTimes { taken_at, consumed_at }, around);
            self.in_hand = self.take_next(around);
            if consumed_at >= turn_ends {
                break;
            }
        }
    }

    fn take_next(&self, around: &mut impl ConsumerContext) -> Option<InHand> {
        let message = around.next_message()?;
        let taken_at = self.free_since.max(message.received_at);
        Some(InHand { message, taken_at })
    }

    fn complete(&mut self, message: Delivered, passage: ConsumptionTimes, around: &mut impl ConsumerContext) {
        self.free_since = passage.consumed_at;
        around.handle_consumed(message, passage);
    }

    /// True if [`ConsumerSimulator::compute`] has work to do.
    pub(super) const fn wants_to_compute(&self) -> bool {
        self.computes() && self.in_hand.is_some()
    }

    /// Returns when [`ConsumerSimulator::run`] has work to do.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let in_hand = self.in_hand.as_ref().filter(|_| !self.computes())?;
        Some(in_hand.taken_at + self.delay())
    }

    /// Returns when the current message was taken; `None` without one.
    pub(super) fn in_hand_since(&self) -> Option<Time> {
        self.in_hand.as_ref().map(|in_hand| in_hand.taken_at)
    }

    /// Returns the consumer's queue level, at most one message; `offset_micros` is the server's clock minus
    /// the local one.
    pub(super) fn hop(&self, offset_micros: i64, now: Time) -> Hop {
        let bound = Amount::new(1, 0);
        let Some(InHand { message, .. }) = &self.in_hand else { return Hop { bound, ..Hop::default() } };
        let produced_at = message.header.produced_at.shifted_by_micros(offset_micros.saturating_neg());
        Hop { held: Amount::one(message.bytes), bound, oldest_age_micros: micros(now.since(produced_at)) }
    }

    const fn computes(&self) -> bool {
        matches!(self.settings.work, Work::Busy) && self.settings.delay_micros > 0
    }

    fn delay(&self) -> Duration {
        Duration::from_micros(u64::from(self.settings.delay_micros))
    }
}

fn within_range(settings: Consumer) -> Consumer {
    Consumer { delay_micros: settings.delay_micros.min(Consumer::MAX_DELAY_MICROS), ..settings }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;
    use sluice_shared::ids::{Epoch, Key, Seq, StreamId};
    use sluice_shared::wire::MessageHeader;

    use super::*;

    /// Test context whose clock advances by 10 µs whenever it is read.
    struct Bench {
        now: Time,
        inbox: VecDeque<Delivered>,
        done: Vec<ConsumptionTimes>,
    }

    impl ConsumerContext for Bench {
        fn next_message(&mut self) -> Option<Delivered> {
            self.inbox.pop_front()
        }

        fn handle_consumed(&mut self, _message: Delivered, passage: ConsumptionTimes) {
            self.done.push(passage);
        }

        fn now(&mut self) -> Time {
            self.now = self.now + Duration::from_micros(10);
            self.now
        }
    }

    impl Bench {
        fn with(messages: u64, received_ms: u64) -> Self {
            let message = |seq| Delivered {
                header: MessageHeader {
                    stream: StreamId(0),
                    seq: Seq(seq),
                    key: Key(0),
                    produced_at: Time::ZERO,
                },
                payload: Bytes::new(),
                bytes: 10,
                sent_at: Time::ZERO,
                received_at: Time::from_millis(received_ms),
                epoch: Epoch(1),
            };
            let now = Time::from_millis(received_ms);
            Self { now, inbox: (0..messages).map(message).collect(), done: Vec::new() }
        }
    }

    const fn settings(delay_micros: u32, work: Work) -> Consumer {
        Consumer { delay_micros, work }
    }

    #[test]
    fn without_delay_everything_is_consumed_on_arrival() {
        let mut bench = Bench::with(100, 1_000);
        let mut consumer = ConsumerSimulator::new(settings(0, Work::Busy));
        consumer.run(&mut bench);
        assert_eq!(bench.done.len(), 100);
        assert!(bench.done.iter().all(|passage| passage.consumed_at == Time::from_millis(1_000)));
        assert_eq!(consumer.poll_timeout(), None);
        assert!(!consumer.wants_to_compute());
    }

    #[test]
    fn a_waiting_consumer_is_exact_on_average_however_late_its_timer() {
        let mut bench = Bench::with(1_000, 0);
        let mut consumer = ConsumerSimulator::new(settings(1_500, Work::Sleep));
        // The timer fires every 7 ms.
        while bench.done.len() < 1_000 {
            consumer.run(&mut bench);
            assert!(bench.done.len() as u64 <= bench.now.as_micros() / 1_500);
            bench.now = bench.now + Duration::from_millis(7);
        }
        assert_eq!(bench.done[999].consumed_at, Time::from_micros(1_500_000));
        assert!(bench.done.windows(2).all(|pair| pair[1].taken_at == pair[0].consumed_at));
    }

    #[test]
    fn a_waiting_consumer_holds_one_message() {
        let mut bench = Bench::with(3, 1_000);
        let mut consumer = ConsumerSimulator::new(settings(5_000, Work::Sleep));
        consumer.run(&mut bench);
        assert_eq!((bench.inbox.len(), bench.done.len()), (2, 0));
        assert_eq!(consumer.hop(0, bench.now).held, Amount::one(10));
        assert_eq!(consumer.poll_timeout(), Some(Time::from_millis(1_005)));
    }

    #[test]
    fn a_consumer_that_was_idle_starts_when_a_message_arrives() {
        let mut bench = Bench::with(1, 1_000);
        let mut consumer = ConsumerSimulator::new(settings(5_000, Work::Sleep));
        consumer.run(&mut bench);
        bench.now = Time::from_millis(1_005);
        consumer.run(&mut bench);
        let later = Bench::with(1, 9_000);
        (bench.inbox, bench.now) = (later.inbox, later.now);
        consumer.run(&mut bench);
        assert_eq!(consumer.poll_timeout(), Some(Time::from_millis(9_005)));
    }

    #[test]
    fn a_computing_consumer_spends_its_time_and_lets_others_run() {
        let mut bench = Bench::with(10, 1_000);
        let mut consumer = ConsumerSimulator::new(settings(5_000, Work::Busy));
        consumer.run(&mut bench);
        assert_eq!((bench.done.len(), bench.inbox.len()), (0, 9));
        for turn in 1..=10 {
            assert!(consumer.wants_to_compute());
            let started = bench.now;
            consumer.compute(&mut bench);
            assert_eq!(bench.done.len(), turn);
            assert!(bench.now.since(started) >= Duration::from_millis(5));
        }
        assert!(!consumer.wants_to_compute());
    }

    #[test]
    fn short_computations_share_a_turn() {
        let mut bench = Bench::with(100, 1_000);
        let mut consumer = ConsumerSimulator::new(settings(500, Work::Busy));
        consumer.run(&mut bench);
        consumer.compute(&mut bench);
        assert_eq!(bench.done.len(), 4);
    }

    #[test]
    fn a_consumer_that_stops_computing_goes_on_with_the_message_in_hand() {
        let mut bench = Bench::with(2, 1_000);
        let mut consumer = ConsumerSimulator::new(settings(50_000, Work::Busy));
        consumer.run(&mut bench);
        consumer.set(settings(0, Work::Sleep));
        consumer.compute(&mut bench);
        assert!(bench.done.is_empty());
        consumer.run(&mut bench);
        assert_eq!(bench.done.len(), 2);
    }
}
