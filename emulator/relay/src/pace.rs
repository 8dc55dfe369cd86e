//! Fewer turns of the relay's thread when datagrams come one by one and fast.
//!
//! To wake a thread costs more than to carry a datagram. So when datagrams come in turn after turn, the thread rests
//! between turns, and takes together what came meanwhile and what has become due. That makes datagrams late twice, by
//! half a rest on average each time: when they come, and when they are due. Therefore what came during a rest counts
//! as having come at its beginning, and the delay is right on average and off by a rest at most.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use sluice_shared::time::Time;

use crate::clock::Clock;

/// How long the thread rests between turns.
const REST: Duration = Duration::from_micros(250);
/// Turns with datagrams that follow each other within this make the thread rest.
const BUSY: Duration = Duration::from_micros(300);
/// A turn with so many datagrams is worth its while.
const MANY: u64 = 16;
/// A wait for sockets that is shorter than this was none: they had something when it began.
const NO_WAIT: Duration = Duration::from_micros(20);
/// How much later than the time it wants a flow is looked after by the link thread while turns do the same.
const LENIENCE: Duration = Duration::from_micros(750);

/// The pace of the relay's thread; only that thread changes it.
#[derive(Debug)]
pub(crate) struct Pace {
    clock: Clock,
    /// Datagrams that this turn has received.
    received: AtomicU64,
    /// When the last turn with datagrams ended, µs.
    last_turn_at: AtomicU64,
    /// The beginning and the end of the rest before this turn, µs; zero without one.
    rest_start: AtomicU64,
    rest_end: AtomicU64,
    /// When datagrams of this turn came; zero if that is when they are read.
    came_at: AtomicU64,
}

impl Pace {
    pub(crate) const fn new(clock: Clock) -> Self {
        Self {
            clock,
            received: AtomicU64::new(0),
            last_turn_at: AtomicU64::new(0),
            rest_start: AtomicU64::new(0),
            rest_end: AtomicU64::new(0),
            came_at: AtomicU64::new(0),
        }
    }

    /// So many datagrams were received; tells when they came, if that was not now.
    pub(crate) fn on_received(&self, datagrams: usize) -> Option<Time> {
        self.received.fetch_add(datagrams as u64, Ordering::Relaxed);
        let came_at = self.came_at.load(Ordering::Relaxed);
        (came_at > 0).then_some(Time::from_micros(came_at))
    }

    /// A turn has ended, and the thread is about to wait for sockets: rests before that if turns come fast.
    pub(crate) fn on_turn_end(&self) {
        let mut rest = (0, 0);
        let received = self.received.swap(0, Ordering::Relaxed);
        if received > 0 {
            let now = self.clock.now();
            let last = Time::from_micros(self.last_turn_at.load(Ordering::Relaxed));
            if now.since(last) < BUSY && received < MANY {
                thread::sleep(REST);
                let end = self.clock.now();
                rest = (now.as_micros(), end.as_micros());
                self.last_turn_at.store(end.as_micros(), Ordering::Relaxed);
            } else {
                self.last_turn_at.store(now.as_micros(), Ordering::Relaxed);
            }
        }
        self.rest_start.store(rest.0, Ordering::Relaxed);
        self.rest_end.store(rest.1, Ordering::Relaxed);
    }

    /// A turn begins: sockets have something.
    pub(crate) fn on_turn_begin(&self) {
        let rest_end = self.rest_end.load(Ordering::Relaxed);
        let waited = self.clock.now().since(Time::from_micros(rest_end));
        let has_come_in_rest = rest_end > 0 && waited < NO_WAIT;
        let came_at = if has_come_in_rest { self.rest_start.load(Ordering::Relaxed) } else { 0 };
        self.came_at.store(came_at, Ordering::Relaxed);
    }

    /// By how much the link thread may be late at `now` for a flow whose datagrams came last at `last_came_at`: while
    /// they come turn after turn, each turn delivers what is due too.
    pub(crate) fn lenience(&self, last_came_at: Time, now: Time) -> Duration {
        let is_resting = self.rest_end.load(Ordering::Relaxed) > 0;
        if is_resting && now.since(last_came_at) < BUSY { LENIENCE } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn turn(pace: &Pace, datagrams: usize) -> Option<Time> {
        pace.on_turn_begin();
        let came_at = if datagrams > 0 { pace.on_received(datagrams) } else { None };
        pace.on_turn_end();
        came_at
    }

    #[test]
    fn a_lone_datagram_is_neither_held_up_nor_antedated() {
        let pace = Pace::new(Clock::new(Instant::now(), Time::from_millis(5)));
        for _ in 0..5 {
            assert_eq!(turn(&pace, 1), None);
            thread::sleep(2 * BUSY);
            let now = pace.clock.now();
            assert_eq!(pace.lenience(now, now), Duration::ZERO);
        }
    }

    #[test]
    fn what_comes_turn_after_turn_came_when_the_rest_began() {
        let pace = Pace::new(Clock::new(Instant::now(), Time::from_millis(5)));
        // On a busy machine a turn may come too late to be one after another, but not always.
        let antedated = (0..200).filter_map(|_| {
            let came_at = turn(&pace, 1)?;
            let now = pace.clock.now();
            assert!(came_at + REST <= now, "{came_at:?} {now:?}");
            assert_eq!(pace.lenience(now, now), LENIENCE);
            assert_eq!(pace.lenience(now - BUSY, now), Duration::ZERO, "that flow gets nothing");
            Some(())
        });
        assert!(antedated.count() > 0);
        for _ in 0..3 {
            turn(&pace, 0);
        }
        let now = pace.clock.now();
        assert_eq!(pace.lenience(now, now), Duration::ZERO, "nothing comes any more");
    }
}
