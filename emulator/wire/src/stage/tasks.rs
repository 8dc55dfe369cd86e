//! What was spawned.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use super::ready::{Ready, TaskId, TaskWaker};

pub(super) type BoxedTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The tasks that are not over, in the order in which they were spawned.
pub(super) struct Tasks {
    unfinished: BTreeMap<TaskId, Task>,
    next_id: TaskId,
    /// Whether the stage is gone, so that nothing would ever run.
    is_closed: bool,
}

struct Task {
    /// `None` while it runs.
    future: Option<BoxedTask>,
    waker: Arc<TaskWaker>,
}

impl Tasks {
    pub(super) const fn new() -> Self {
        Self { unfinished: BTreeMap::new(), next_id: TaskId(TaskId::MAIN.0 + 1), is_closed: false }
    }

    /// Keeps a task and says who wakes it; gives it back where nothing would ever run it.
    pub(super) fn insert(
        &mut self,
        future: BoxedTask,
        ready: &Arc<Ready>,
    ) -> Result<Arc<TaskWaker>, BoxedTask> {
        if self.is_closed {
            return Err(future);
        }
        let id = self.next_id;
        self.next_id = TaskId(id.0 + 1);
        let waker = Arc::new(TaskWaker::new(id, Arc::clone(ready)));
        self.unfinished.insert(id, Task { future: Some(future), waker: Arc::clone(&waker) });
        Ok(waker)
    }

    /// Takes a task out to be run; `None` when it is over.
    pub(super) fn take(&mut self, id: TaskId) -> Option<(BoxedTask, Arc<TaskWaker>)> {
        let task = self.unfinished.get_mut(&id)?;
        Some((task.future.take()?, Arc::clone(&task.waker)))
    }

    /// Puts a task back that waits.
    pub(super) fn put_back(&mut self, id: TaskId, future: BoxedTask) {
        if let Some(task) = self.unfinished.get_mut(&id) {
            task.future = Some(future);
        }
    }

    /// Forgets a task that is over.
    pub(super) fn remove(&mut self, id: TaskId) {
        self.unfinished.remove(&id);
    }

    /// Takes nothing more, and gives out the first that is left, to be dropped.
    pub(super) fn close(&mut self) -> Option<BoxedTask> {
        self.is_closed = true;
        loop {
            let (_, task) = self.unfinished.pop_first()?;
            if task.future.is_some() {
                return task.future;
            }
        }
    }
}
