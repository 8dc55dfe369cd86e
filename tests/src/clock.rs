//! A monotonic clock for native clients.

use std::time::Instant;

use sluice_shared::time::Time;

/// Microseconds since it was started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// Starts at [`Time::ZERO`].
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The time now.
    pub fn now(&self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }

    /// The instant of a time, for the runtime's timers.
    pub fn instant(&self, at: Time) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.origin + at.since(Time::ZERO))
    }
}
