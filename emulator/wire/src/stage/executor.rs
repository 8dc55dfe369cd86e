//! The loop.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sluice_shared::time::Time;

use super::clock::StageClock;
use super::core::Core;
use super::handle::StageHandle;
use super::ready::{TaskId, TaskWaker};

/// Times that a task may run, or a network may move, without virtual time going on.
const MAX_STEPS_AT_ONE_TIME: u64 = 1_000_000;

/// A single-threaded executor with a clock of its own.
///
/// What it runs may be woken from other threads too. Dropping it drops every task that is not over, in the order in
/// which they were spawned; from then on what its handles spawn is dropped at once, and no timer fires.
pub struct Stage {
    core: Arc<Core>,
    /// One thread at a time runs a stage.
    not_sync: PhantomData<Cell<()>>,
}

/// Why a task cannot end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// It waits, and nothing is due that could wake it.
    #[error("at {0:?} everything waits, and nothing is due")]
    Idle(Time),
    /// Virtual time stands still: something runs again and again and waits for nothing.
    #[error("at {0:?} something runs without end, and waits for nothing")]
    Spinning(Time),
}

impl Stage {
    /// A stage where nothing runs yet.
    pub fn new(clock: StageClock) -> Self {
        Self { core: Arc::new(Core::new(clock)), not_sync: PhantomData }
    }

    /// For those who run on it.
    pub fn handle(&self) -> StageHandle {
        StageHandle::new(Arc::clone(&self.core))
    }

    /// Runs `task` to its end, and all that is spawned meanwhile; what is not over then waits for the next call.
    /// A task must not run the stage that it runs on.
    ///
    /// # Errors
    /// When `task` could never end: see [`Stuck`].
    pub fn run<T>(&self, task: impl Future<Output = T>) -> Result<T, Stuck> {
        let mut task = pin!(task);
        let main = Arc::new(TaskWaker::new(TaskId::MAIN, Arc::clone(&self.core.ready)));
        let waker = Waker::from(Arc::clone(&main));
        waker.wake_by_ref();
        let mut steps = Steps::new(self.core.clock.now());
        loop {
            let mut round = self.core.ready.take();
            while let Some(id) = round.pop_front() {
                if id != TaskId::MAIN {
                    self.run_spawned(id);
                } else {
                    main.begin();
                    if let Poll::Ready(result) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
                        self.core.ready.put_first(round);
                        return Ok(result);
                    }
                }
                steps.count += 1;
            }
            self.core.handle_due(self.core.clock.now());
            if self.core.ready.is_empty() {
                self.wait()?;
            }
            steps.check(&self.core)?;
        }
    }

    fn run_spawned(&self, id: TaskId) {
        let taken = self.core.tasks.lock().take(id);
        let Some((mut future, waker)) = taken else { return };
        waker.begin();
        let waker = Waker::from(waker);
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => self.core.tasks.lock().put_back(id, future),
            Poll::Ready(()) => self.core.tasks.lock().remove(id),
        }
    }

    /// Goes on to what is due next.
    fn wait(&self) -> Result<(), Stuck> {
        let clock = &self.core.clock;
        let Some(at) = self.core.next_due() else {
            // Another thread may have woken somebody since.
            return if self.core.ready.is_empty() { Err(Stuck::Idle(clock.now())) } else { Ok(()) };
        };
        match clock.kind() {
            StageClock::Virtual => clock.jump(at),
            StageClock::Real => {
                let left = at.since(clock.now());
                if !left.is_zero() {
                    self.core.ready.park(left);
                }
            }
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.core.close();
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("now", &self.core.clock.now()).finish_non_exhaustive()
    }
}

/// What happened since virtual time went on.
struct Steps {
    at: Time,
    count: u64,
}

impl Steps {
    const fn new(at: Time) -> Self {
        Self { at, count: 0 }
    }

    fn check(&mut self, core: &Core) -> Result<(), Stuck> {
        let now = core.clock.now();
        if now > self.at {
            *self = Self::new(now);
        }
        self.count += 1;
        match core.clock.kind() {
            StageClock::Virtual if self.count > MAX_STEPS_AT_ONE_TIME => Err(Stuck::Spinning(now)),
            StageClock::Virtual | StageClock::Real => Ok(()),
        }
    }
}
