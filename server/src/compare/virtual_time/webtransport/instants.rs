//! Virtual time as quinn's state machine wants it.

use std::time::{Duration, Instant};

use sluice_shared::time::{Time, micros};

/// Carries times over: quinn compares instants and adds spans to them, so which instant stands for the start does not
/// matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instants {
    base: Instant,
    start: Time,
}

impl Instants {
    /// Instants from `start` on.
    pub(super) fn new(start: Time) -> Self {
        Self { base: Instant::now(), start }
    }

    /// The instant of `time`.
    pub(super) fn instant(self, time: Time) -> Instant {
        self.base + time.since(self.start)
    }

    /// The first whole microsecond at which `instant` has come.
    pub(super) fn time(self, instant: Instant) -> Time {
        let span = instant.saturating_duration_since(self.base);
        let whole = Duration::from_micros(micros(span));
        self.start + if whole < span { whole + Duration::from_micros(1) } else { whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_between_microseconds_is_due_at_the_next() {
        let start = Time::from_millis(7);
        let instants = Instants::new(start);
        let later = start + Duration::from_micros(250);
        assert_eq!(instants.time(instants.instant(later)), later);
        let between = instants.instant(later) + Duration::from_nanos(1);
        assert_eq!(instants.time(between), later + Duration::from_micros(1));
        assert!(instants.instant(instants.time(between)) >= between);
    }
}
