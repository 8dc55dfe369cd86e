//! A point in time without a clock.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Microseconds since an origin that the driver chooses: the start of the server, of a worker, or of a simulation.
///
/// Nothing in this crate reads a clock, so every core runs the same in virtual time. Two `Time`s may only be
/// compared when they come from the same clock; [`crate::clock::ClockFilter`] carries one clock's times to another's.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Time(u64);

impl Time {
    /// The origin.
    pub const ZERO: Self = Self(0);

    /// The time `micros` µs after the origin.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The time `millis` ms after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Seconds since the origin, for display and charts.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The span since `earlier`, or zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This time moved by a signed number of microseconds, held at the origin.
    pub const fn shifted_by_micros(self, offset: i64) -> Self {
        Self(self.0.saturating_add_signed(offset))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}s", self.as_secs_f64())
    }
}

/// A span in whole microseconds, held at `u64::MAX`.
pub fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_span_is_never_negative() {
        let early = Time::from_millis(1);
        let late = Time::from_millis(4);
        assert_eq!(late.since(early), Duration::from_millis(3));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early - Duration::from_secs(1), Time::ZERO);
    }

    #[test]
    fn a_shift_carries_a_time_to_another_clock() {
        assert_eq!(Time::from_micros(500).shifted_by_micros(-200), Time::from_micros(300));
        assert_eq!(Time::from_micros(5).shifted_by_micros(-200), Time::ZERO);
    }
}
