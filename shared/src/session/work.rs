//! What one connection costs the server.

use crate::exhibit::{ExhibitUse, MAX_DURATION, Verdict};
use crate::time::{Time, micros};

use super::subscription::Subscription;

/// The time that a connection's task takes, and how often the transport takes nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) opened_at: Time,
    pub(super) core_micros: u64,
    pub(super) blocked_writes: u64,
}

impl Work {
    pub(super) const fn new(now: Time) -> Self {
        Self { opened_at: now, core_micros: 0, blocked_writes: 0 }
    }

    /// What `subscription` has used, if its policy is an exhibit.
    pub(super) fn exhibit(&self, subscription: &Subscription, now: Time) -> Option<ExhibitUse> {
        if !subscription.policy().is_exhibit() {
            return None;
        }
        let held = subscription.held();
        Some(ExhibitUse {
            held_bytes: held.now_bytes,
            held_bytes_peak: held.peak_bytes,
            core_micros: self.core_micros,
            elapsed_micros: micros(now.since(self.opened_at)),
            silently_dropped: subscription.silently_dropped(),
        })
    }

    /// How the exhibit went, once it has reached a cap.
    pub(super) fn verdict(&self, subscription: &Subscription, now: Time) -> Option<Verdict> {
        let used = self.exhibit(subscription, now)?;
        used.reached().map(|cap| Verdict { cap, used })
    }

    /// When an exhibit is over at the latest.
    pub(super) fn over_at(&self, subscription: &Subscription) -> Option<Time> {
        subscription.policy().is_exhibit().then(|| self.opened_at + MAX_DURATION)
    }
}
