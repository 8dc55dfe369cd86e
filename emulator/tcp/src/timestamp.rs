//! The clock behind the timestamps option (RFC 7323 §5.4): milliseconds, as in Linux, from an offset of its own.

use core::time::Duration;

use sluice_shared::time::Time;

/// An endpoint's timestamp clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimestampClock {
    offset: u32,
}

impl TimestampClock {
    pub(crate) const fn new(offset: u32) -> Self {
        Self { offset }
    }

    /// The value that goes into a segment that leaves at `now`.
    pub(crate) const fn value_at(self, now: Time) -> u32 {
        let millis = (now.as_micros() / 1_000) & 0xFFFF_FFFF;
        self.offset.wrapping_add(millis as u32)
    }

    /// The time since `echo` was sent, at least a millisecond: what one tick may hide.
    pub(crate) fn since(self, echo: u32, now: Time) -> Duration {
        let ticks = self.value_at(now).wrapping_sub(echo);
        Duration::from_millis(u64::from(ticks.max(1)))
    }
}

/// Whether `earlier` lies before `later` on a clock that wraps.
pub(crate) const fn is_before(earlier: u32, later: u32) -> bool {
    earlier.wrapping_sub(later).cast_signed() < 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_wraps_without_losing_order_or_spans() {
        let clock = TimestampClock::new(u32::MAX - 1);
        let (before, after) = (Time::from_millis(0), Time::from_millis(5));
        assert!(is_before(clock.value_at(before), clock.value_at(after)));
        assert_eq!(clock.since(clock.value_at(before), after), Duration::from_millis(5));
        assert_eq!(clock.since(clock.value_at(after), after), Duration::from_millis(1));
    }
}
