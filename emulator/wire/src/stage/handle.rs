//! What runs on a stage knows it by this.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use sluice_shared::time::Time;

use super::actor::Actor;
use super::clock::{StageClock, later};
use super::core::Core;
use super::sleep::Sleep;

/// The time, tasks and timers of a [`super::Stage`].
#[derive(Clone)]
pub struct StageHandle {
    core: Arc<Core>,
}

/// Time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time ran out")]
pub struct Elapsed;

impl StageHandle {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The time since the stage began.
    pub fn now(&self) -> Time {
        self.core.clock.now()
    }

    /// [`Self::now`] in the currency of the standard library; on a virtual clock this is not the wall's time.
    pub fn instant(&self) -> Instant {
        self.core.clock.instant()
    }

    /// The first time of the stage at which [`Self::instant`] is `instant` or later.
    pub fn time_of(&self, instant: Instant) -> Time {
        self.core.clock.time_of(instant)
    }

    /// Whose time passes.
    pub fn clock(&self) -> StageClock {
        self.core.clock.kind()
    }

    /// Runs `task` beside all others, until it is over or the stage is dropped.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.core.spawn(Box::pin(task));
    }

    /// Waits for `span`, rounded up to whole microseconds.
    pub fn sleep(&self, span: Duration) -> Sleep {
        self.sleep_until(later(self.now(), span))
    }

    /// Waits until `due`.
    pub fn sleep_until(&self, due: Time) -> Sleep {
        Sleep::new(Arc::clone(&self.core), due)
    }

    /// Waits for `task`, but not longer than `span`; if both come at the same moment, the task was in time.
    ///
    /// # Errors
    /// When `task` was not over by then; it is dropped.
    pub async fn timeout<F: Future>(&self, span: Duration, task: F) -> Result<F::Output, Elapsed> {
        let mut sleep = self.sleep(span);
        let mut task = pin!(task);
        std::future::poll_fn(|cx| match task.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => sleep.poll_due(cx).map(|()| Err(Elapsed)),
        })
        .await
    }

    pub(super) fn spawn_boxed(&self, task: super::tasks::BoxedTask) {
        self.core.spawn(task);
    }

    pub(crate) fn add_actor(&self, actor: Weak<dyn Actor>) {
        self.core.add_actor(actor);
    }

    /// Has the stage look again at what is due, if it waits.
    pub(crate) fn nudge(&self) {
        self.core.ready.nudge();
    }
}

impl fmt::Debug for StageHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageHandle").field("now", &self.now()).finish_non_exhaustive()
    }
}
