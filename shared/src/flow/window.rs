//! How large a window is.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::{Time, micros};
use crate::units::Amount;

/// How the receiver chooses its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WindowMode {
    /// Always this much.
    Fixed(Amount),
    /// Twice the consumption rate times the round-trip time, within the bounds of [`AutoWindow`].
    Auto,
}

/// A window that follows what the consumer can take.
///
/// A window of `rate × RTT` keeps the pipe full (the bandwidth-delay product); twice that leaves room for the grant
/// that travels half a window late. While the window itself limits the rate, doubling finds the way up in a few
/// round trips; when the consumer limits it, the window stays at what the consumer takes in two round trips, so
/// nothing grows stale in the inbox. Heartbeats tell the round trip of an idle moment; when grants take longer (a busy
/// machine, a transport of many streams), the server runs out of credit while the consumer has nothing to do, and
/// the window doubles.
#[derive(Clone, Copy, Debug)]
pub struct AutoWindow {
    window: Amount,
    measured_since: Time,
    consumed_then: Amount,
}

impl AutoWindow {
    /// The smallest window: 16 messages, 128 KiB: the largest message fits once, and nearly twice.
    pub const MIN: Amount = Amount::new(16, 128 * 1024);
    /// The largest window: 8,192 messages, 8 MiB.
    pub const MAX: Amount = Amount::new(8_192, 8 * 1024 * 1024);
    /// Where it starts.
    pub const START: Amount = Amount::new(64, 256 * 1024);
    /// Shortest time between two looks, whatever the RTT.
    const SHORTEST: Duration = Duration::from_millis(50);
    /// A round trip below this is taken as this: timers and grants of a browser are no finer.
    const FLOOR: Duration = Duration::from_millis(20);

    /// A window that has measured nothing yet.
    pub const fn new(now: Time) -> Self {
        Self { window: Self::START, measured_since: now, consumed_then: Amount::ZERO }
    }

    /// Looks at what was consumed in total by now, and returns the window that follows.
    pub fn handle_consumed(&mut self, consumed: Amount, rtt: Duration, now: Time) -> Amount {
        let span = now.since(self.measured_since);
        let rtt = rtt.max(Self::FLOOR);
        if span < rtt.max(Self::SHORTEST) {
            return self.window;
        }
        let taken = consumed - self.consumed_then;
        let product = |count: u64| {
            let twice = 2 * u128::from(count) * u128::from(micros(rtt)) / u128::from(micros(span).max(1));
            u64::try_from(twice).unwrap_or(u64::MAX)
        };
        let wanted = Amount::new(product(taken.messages), product(taken.bytes));
        // Up at once, down by a sixteenth at a time: a lull is no reason to throw away what was learnt.
        let floor = Amount::new(
            self.window.messages - self.window.messages / 16,
            self.window.bytes - self.window.bytes / 16,
        );
        self.window = wanted.max_each(floor).max_each(Self::MIN).min_each(Self::MAX);
        self.measured_since = now;
        self.consumed_then = consumed;
        self.window
    }

    /// The server waits for credit although the consumer has next to nothing to do: returns a window twice as large.
    pub fn handle_starved(&mut self) -> Amount {
        self.window = (self.window + self.window).min_each(Self::MAX);
        self.window
    }

    /// A new connection counts from zero again.
    pub fn handle_reconnect(&mut self, now: Time) {
        self.measured_since = now;
        self.consumed_then = Amount::ZERO;
    }

    /// The window now.
    pub const fn window(&self) -> Amount {
        self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_starved_window_doubles_and_comes_down_slowly() {
        let mut auto = AutoWindow::new(Time::ZERO);
        assert_eq!(auto.handle_starved(), Amount::new(128, 512 * 1024));
        let after_a_lull = auto.handle_consumed(Amount::ZERO, Duration::ZERO, Time::from_millis(50));
        assert_eq!(after_a_lull, Amount::new(120, 480 * 1024));
        for _ in 0..20 {
            auto.handle_starved();
        }
        assert_eq!(auto.window(), AutoWindow::MAX);
    }
}
