//! A monotonic clock for native clients.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sluice_shared::time::Time;

/// Microseconds since it was started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    /// When it was started, since the Unix epoch.
    since_epoch: Duration,
}

impl Clock {
    /// Starts at [`Time::ZERO`].
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { origin: Instant::now(), since_epoch }
    }

    /// The time now.
    pub fn now(&self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }

    /// A time of this clock on the clocks of servers of this machine.
    pub fn of_servers(&self, at: Time) -> Time {
        at + self.since_epoch
    }

    /// The instant of a time, for the runtime's timers.
    pub fn instant(&self, at: Time) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.origin + at.since(Time::ZERO))
    }
}
