//! The time of a stage.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sluice_shared::time::Time;

/// Whose time passes on a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageClock {
    /// Its own, which stands still while anything can run and then jumps to what is due next: computing takes no time.
    Virtual,
    /// The wall's.
    Real,
}

/// A clock that shows [`Time::ZERO`] when it is made and never goes back.
#[derive(Debug)]
pub(super) struct Clock {
    kind: StageClock,
    /// What stands for the beginning where an [`Instant`] is asked for.
    base: Instant,
    virtual_micros: AtomicU64,
}

impl Clock {
    pub(super) fn new(kind: StageClock) -> Self {
        Self { kind, base: Instant::now(), virtual_micros: AtomicU64::new(0) }
    }

    pub(super) const fn kind(&self) -> StageClock {
        self.kind
    }

    pub(super) fn now(&self) -> Time {
        match self.kind {
            StageClock::Virtual => Time::from_micros(self.virtual_micros.load(Ordering::Acquire)),
            StageClock::Real => Time::ZERO + self.base.elapsed(),
        }
    }

    pub(super) fn instant(&self) -> Instant {
        self.base + self.now().since(Time::ZERO)
    }

    /// The first time at which the clock shows `instant` or later: who waits for it must not come early.
    pub(super) fn time_of(&self, instant: Instant) -> Time {
        later(Time::ZERO, instant.saturating_duration_since(self.base))
    }

    /// Moves virtual time to `at`, unless it is there already.
    pub(super) fn jump(&self, at: Time) {
        self.virtual_micros.fetch_max(at.as_micros(), Ordering::AcqRel);
    }
}

/// The time `span` after `start`, rounded up to the clock's grain.
pub(super) fn later(start: Time, span: Duration) -> Time {
    let at = start + span;
    if span.subsec_nanos().is_multiple_of(1_000) { at } else { at + Duration::from_micros(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_between_two_ticks_is_the_later_one() {
        let start = Time::from_micros(5);
        assert_eq!(later(start, Duration::from_nanos(2_000)), Time::from_micros(7));
        assert_eq!(later(start, Duration::from_nanos(2_001)), Time::from_micros(8));
        let clock = Clock::new(StageClock::Virtual);
        clock.jump(Time::from_micros(3));
        assert_eq!(clock.time_of(clock.instant()), Time::from_micros(3));
        assert_eq!(clock.time_of(clock.instant() + Duration::from_nanos(1)), Time::from_micros(4));
    }

    #[test]
    fn virtual_time_never_goes_back() {
        let clock = Clock::new(StageClock::Virtual);
        clock.jump(Time::from_millis(2));
        clock.jump(Time::from_millis(1));
        assert_eq!(clock.now(), Time::from_millis(2));
    }
}
