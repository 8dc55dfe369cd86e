//! What a stage and its handles share.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sluice_shared::time::Time;

use super::actor::Actor;
use super::alarms::Alarms;
use super::clock::{Clock, StageClock};
use super::ready::Ready;
use super::tasks::{BoxedTask, Tasks};

/// Clock, tasks and timers.
///
/// No lock is held while anything foreign runs or is dropped: a task that is polled or dropped may spawn, sleep and wake.
pub(super) struct Core {
    pub(super) clock: Clock,
    pub(super) ready: Arc<Ready>,
    pub(super) tasks: Mutex<Tasks>,
    pub(super) alarms: Mutex<Alarms>,
    actors: Mutex<Vec<Weak<dyn Actor>>>,
}

impl Core {
    pub(super) fn new(kind: StageClock) -> Self {
        Self {
            clock: Clock::new(kind),
            ready: Arc::default(),
            tasks: Mutex::new(Tasks::new()),
            alarms: Mutex::default(),
            actors: Mutex::default(),
        }
    }

    pub(super) fn spawn(&self, task: BoxedTask) {
        let kept = self.tasks.lock().insert(task, &self.ready);
        match kept {
            Ok(waker) => std::task::Waker::from(waker).wake(),
            Err(task) => drop(task),
        }
    }

    pub(super) fn add_actor(&self, actor: Weak<dyn Actor>) {
        self.actors.lock().push(actor);
        self.ready.nudge();
    }

    /// When something is due next, whoever it is for.
    pub(super) fn next_due(&self) -> Option<Time> {
        let actors = self.actors().into_iter().filter_map(|actor| actor.due());
        actors.chain(self.alarms.lock().next_due()).min()
    }

    /// Does what is due at `now`: packets come before timers, since an answer that is here is no silence.
    pub(super) fn handle_due(&self, now: Time) {
        for actor in self.actors() {
            if actor.due().is_some_and(|at| at <= now) {
                actor.advance();
            }
        }
        loop {
            let due = self.alarms.lock().take_due(now);
            match due {
                Some(waker) => waker.wake(),
                None => return,
            }
        }
    }

    /// Drops every task in the order in which they were spawned, and whom timers would wake.
    pub(super) fn close(&self) {
        loop {
            let task = self.tasks.lock().close();
            match task {
                Some(task) => drop(task),
                None => break,
            }
        }
        let wakers = self.alarms.lock().take_all();
        drop(wakers);
    }

    fn actors(&self) -> Vec<Arc<dyn Actor>> {
        let mut actors = self.actors.lock();
        actors.retain(|actor| actor.strong_count() > 0);
        actors.iter().filter_map(Weak::upgrade).collect()
    }
}
