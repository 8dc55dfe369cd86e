//! Who is woken when.

use std::collections::BTreeMap;
use std::task::Waker;

use sluice_shared::time::Time;

/// A waker among [`Alarms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AlarmKey {
    due: Time,
    number: u64,
}

/// Wakers by time, and at one time in the order in which they were set.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    wakers: BTreeMap<AlarmKey, Waker>,
    next_number: u64,
}

impl Alarms {
    pub(super) fn set(&mut self, due: Time, waker: Waker) -> AlarmKey {
        let key = AlarmKey { due, number: self.next_number };
        self.next_number += 1;
        self.wakers.insert(key, waker);
        key
    }

    /// Has another woken at the same place in the order; says whether the alarm was still to come.
    pub(super) fn replace(&mut self, key: AlarmKey, waker: &Waker) -> bool {
        let Some(kept) = self.wakers.get_mut(&key) else { return false };
        kept.clone_from(waker);
        true
    }

    /// Takes an alarm back. The waker is for the caller to drop where no lock is held.
    pub(super) fn cancel(&mut self, key: AlarmKey) -> Option<Waker> {
        self.wakers.remove(&key)
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        self.wakers.first_key_value().map(|(key, _)| key.due)
    }

    /// The next whose time has come by `now`.
    pub(super) fn take_due(&mut self, now: Time) -> Option<Waker> {
        let first = self.wakers.first_entry()?;
        (first.key().due <= now).then(|| first.remove())
    }

    pub(super) fn take_all(&mut self) -> BTreeMap<AlarmKey, Waker> {
        std::mem::take(&mut self.wakers)
    }
}
