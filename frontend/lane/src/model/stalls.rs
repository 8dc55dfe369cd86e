//! Stalls: times without consumption although messages waited.

use core::time::Duration;

use sluice_shared::time::Time;

use sluice_bridge::Summary;

/// Detector of stalls. A stall is detected by the message that ends it: nothing had been consumed for
/// [`Summary::STALL_MICROS`], and the message is at least that old, so it could have been.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    last_consumed_at: Option<Time>,
    count: u64,
}

impl Stalls {
    /// Handles a message of `age`, consumed at `now`. Returns the length of the stall that it ended, if any.
    pub(super) fn handle_consumed(&mut self, age: Duration, now: Time) -> Option<Duration> {
        let silence = now.since(self.last_consumed_at.replace(now)?);
        let long = Duration::from_micros(Summary::STALL_MICROS);
        let stalled = silence >= long && age >= long;
        self.count += u64::from(stalled);
        stalled.then_some(silence)
    }

    /// Returns the number of stalls.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Duration = Duration::from_millis(150);
    const FRESH: Duration = Duration::from_millis(2);

    #[test]
    fn a_silence_ended_by_an_old_message_is_a_stall() {
        let mut stalls = Stalls::default();
        assert_eq!(stalls.handle_consumed(OLD, Time::from_millis(1_000)), None);
        assert_eq!(stalls.handle_consumed(OLD, Time::from_millis(1_099)), None);
        assert_eq!(stalls.handle_consumed(OLD, Time::from_millis(1_199)), Some(Duration::from_millis(100)));
        assert_eq!(stalls.count(), 1);
    }

    #[test]
    fn a_slow_feed_is_no_stall() {
        let mut stalls = Stalls::default();
        for second in 0..5 {
            assert_eq!(stalls.handle_consumed(FRESH, Time::from_millis(second * 1_000)), None);
        }
        assert_eq!(stalls.count(), 0);
    }
}
