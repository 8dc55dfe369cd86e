//! Where an IO driver's times come from.

use std::time::Instant;

use sluice_shared::time::Time;

/// Tells the time of a [`crate::Relay`] and everything behind it; it never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    origin_at: Time,
}

impl Clock {
    /// A clock that showed `origin_at` at `origin`. With a Unix time there, captures carry Unix times.
    pub const fn new(origin: Instant, origin_at: Time) -> Self {
        Self { origin, origin_at }
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.origin_at + self.origin.elapsed()
    }

    /// The instant at which the clock shows `at`; the origin for times before it.
    pub fn instant(&self, at: Time) -> Instant {
        self.origin + at.since(self.origin_at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_and_its_instant_are_the_same_moment() {
        let clock = Clock::new(Instant::now(), Time::from_millis(1_700_000_000_000));
        let now = clock.now();
        assert!(now >= Time::from_millis(1_700_000_000_000));
        assert!(clock.instant(now) <= Instant::now());
        assert_eq!(clock.instant(now + Duration::from_secs(1)) - clock.instant(now), Duration::from_secs(1));
    }
}
