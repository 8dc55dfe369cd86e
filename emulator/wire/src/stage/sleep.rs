//! Waiting for a time.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sluice_shared::time::Time;

use super::alarms::AlarmKey;
use super::core::Core;

/// Ends at a time of its stage; from [`super::StageHandle::sleep`].
pub struct Sleep {
    core: Arc<Core>,
    due: Time,
    /// Set while somebody waits.
    alarm: Option<AlarmKey>,
}

impl Sleep {
    pub(super) const fn new(core: Arc<Core>, due: Time) -> Self {
        Self { core, due, alarm: None }
    }

    /// When it ends.
    pub const fn due(&self) -> Time {
        self.due
    }

    /// Lets it end at `due` instead, also when it had ended already. Who waits for it has to poll it again.
    pub fn reset(&mut self, due: Time) {
        self.cancel();
        self.due = due;
    }

    /// As [`Future::poll`], without a pin.
    pub fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.core.clock.now() >= self.due {
            self.cancel();
            return Poll::Ready(());
        }
        let mut alarms = self.core.alarms.lock();
        if !self.alarm.is_some_and(|alarm| alarms.replace(alarm, cx.waker())) {
            self.alarm = Some(alarms.set(self.due, cx.waker().clone()));
        }
        drop(alarms);
        Poll::Pending
    }

    fn cancel(&mut self) {
        if let Some(alarm) = self.alarm.take() {
            let waker = self.core.alarms.lock().cancel(alarm);
            drop(waker);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_due(cx)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("due", &self.due).finish_non_exhaustive()
    }
}
