//! The server's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use sluice_shared::time::Time;
use tokio::time::Instant;

/// Times since the Unix epoch, as every session of the server sees them.
///
/// The system's clock is read once; from there on time only goes forward, so a correction of the system's clock moves
/// no message. A browser on the same machine has the same epoch, and the offset that heartbeats find is a real skew.
/// It runs on tokio's clock, so a test that pauses time holds the whole server still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_at: Time,
}

impl Clock {
    /// A clock that goes on from the system's.
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), started_at: Time::ZERO + since_epoch }
    }

    /// The time that it is.
    pub(crate) fn now(self) -> Time {
        self.started_at + self.started.elapsed()
    }

    /// The instant to wait for when waiting for `time`.
    pub(crate) fn instant(self, time: Time) -> Instant {
        self.started + time.since(self.started_at)
    }

    /// The same clock for the network emulator, whose threads know nothing of tokio.
    pub(crate) fn for_relay(self) -> sluice_relay::Clock {
        sluice_relay::Clock::new(self.started.into_std(), self.started_at)
    }
}
