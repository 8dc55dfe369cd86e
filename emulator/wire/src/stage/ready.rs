//! Who can go on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::Mutex;

/// The number of a task on its stage, in the order in which they were spawned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskId(pub(super) u64);

impl TaskId {
    /// What [`super::Stage::run`] was given.
    pub(super) const MAIN: Self = Self(0);
}

/// The tasks that were woken, in that order; each stands here once at most.
#[derive(Debug, Default)]
pub(super) struct Ready {
    state: Mutex<ReadyState>,
}

#[derive(Debug, Default)]
struct ReadyState {
    queue: VecDeque<TaskId>,
    /// The stage's thread while it waits for real time.
    parked: Option<Thread>,
}

impl Ready {
    /// Everyone who was woken so far, in order.
    pub(super) fn take(&self) -> VecDeque<TaskId> {
        std::mem::take(&mut self.state.lock().queue)
    }

    /// Puts back those of [`Self::take`] who did not have their turn.
    pub(super) fn put_first(&self, mut rest: VecDeque<TaskId>) {
        let mut state = self.state.lock();
        rest.append(&mut state.queue);
        state.queue = rest;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().queue.is_empty()
    }

    /// Ends [`Self::park`], since something may be due earlier now.
    pub(super) fn nudge(&self) {
        if let Some(thread) = self.state.lock().parked.take() {
            thread.unpark();
        }
    }

    /// Waits for `span`, or until somebody is woken or nudges, or for no reason: who called looks again.
    pub(super) fn park(&self, span: Duration) {
        {
            let mut state = self.state.lock();
            if !state.queue.is_empty() {
                return;
            }
            state.parked = Some(thread::current());
        }
        thread::park_timeout(span);
        self.state.lock().parked = None;
    }

    fn push(&self, id: TaskId) {
        let mut state = self.state.lock();
        state.queue.push_back(id);
        if let Some(thread) = state.parked.take() {
            thread.unpark();
        }
    }
}

/// Wakes one task. It holds the queue, not the task: what a task leaves its waker with keeps no task alive.
#[derive(Debug)]
pub(super) struct TaskWaker {
    id: TaskId,
    ready: Arc<Ready>,
    is_queued: AtomicBool,
}

impl TaskWaker {
    pub(super) const fn new(id: TaskId, ready: Arc<Ready>) -> Self {
        Self { id, ready, is_queued: AtomicBool::new(false) }
    }

    /// The task is about to run: from now on a wake-up means that it has to run again.
    pub(super) fn begin(&self) {
        self.is_queued.store(false, Ordering::Release);
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            self.ready.push(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Lets a thread park, does something when it has, and says whether that ended its waiting.
    fn ends_waiting(act: impl FnOnce(&Arc<Ready>)) -> bool {
        let ready = Arc::<Ready>::default();
        let theirs = Arc::clone(&ready);
        let began = Instant::now();
        let waiting = thread::spawn(move || theirs.park(LONG));
        while ready.state.lock().parked.is_none() {
            thread::yield_now();
        }
        act(&ready);
        waiting.join().expect("it only waits");
        began.elapsed() < LONG
    }

    #[test]
    fn waiting_ends_when_somebody_is_woken_or_nudges() {
        assert!(ends_waiting(|ready| Arc::new(TaskWaker::new(TaskId::MAIN, Arc::clone(ready))).wake()));
        assert!(ends_waiting(|ready| ready.nudge()));
    }

    #[test]
    fn a_task_that_is_woken_twice_stands_in_the_queue_once() {
        let ready = Arc::<Ready>::default();
        let waker = Arc::new(TaskWaker::new(TaskId(4), Arc::clone(&ready)));
        waker.wake_by_ref();
        waker.wake_by_ref();
        assert_eq!(ready.take(), [TaskId(4)]);
        waker.wake_by_ref();
        assert!(ready.is_empty(), "it has not run yet");
        waker.begin();
        waker.wake_by_ref();
        assert_eq!(ready.take(), [TaskId(4)]);
    }
}
