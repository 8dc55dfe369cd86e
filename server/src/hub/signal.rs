//! How a session is woken.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Wakes one session: its feeds have published, or it has to stop.
///
/// One signal carries both, so a session waits in one place however many feeds it follows, and registers there once
/// per wait.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    notify: Notify,
    stop: AtomicU8,
}

/// Why a session has to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stop {
    /// The server stops.
    GoingAway = 1,
    /// Another connection resumes the session.
    TakenOver = 2,
}

impl Signal {
    /// The logs may hold more.
    pub(crate) fn wake(&self) {
        self.notify.notify_one();
    }

    /// Asks the session to stop. The first reason counts.
    pub(crate) fn stop(&self, why: Stop) {
        // An earlier reason stands; the session is woken all the same.
        let first = self.stop.compare_exchange(0, why as u8, Ordering::AcqRel, Ordering::Acquire);
        tracing::trace!(?why, first = first.is_ok(), "session asked to stop");
        self.notify.notify_one();
    }

    /// Whether, and why, the session has to stop.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        match self.stop.load(Ordering::Acquire) {
            1 => Some(Stop::GoingAway),
            2 => Some(Stop::TakenOver),
            _ => None,
        }
    }

    /// Completes at the next wake, or at once if there was one since the last wait.
    pub(crate) fn woken(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_before_the_wait_is_not_lost() {
        let signal = Signal::default();
        signal.wake();
        signal.woken().await;
        assert_eq!(signal.stopped(), None);
    }

    #[tokio::test]
    async fn the_first_reason_to_stop_counts() {
        let signal = Signal::default();
        signal.stop(Stop::TakenOver);
        signal.stop(Stop::GoingAway);
        signal.woken().await;
        assert_eq!(signal.stopped(), Some(Stop::TakenOver));
    }
}
