//! The processes that backends are, as the rest of the server knows them.

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Which backends have a process just now.
#[derive(Debug)]
pub(crate) struct Processes(Vec<Place>);

#[derive(Debug, Default)]
struct Place {
    process: Mutex<Option<u32>>,
    kill: Notify,
}

impl Processes {
    /// Places for backends 0 to `count` − 1; nobody is there.
    pub(crate) fn new(count: u8) -> Self {
        Self((0..count).map(|_| Place::default()).collect())
    }

    /// The number that the system has given the process of `backend`; `None` while it has none.
    pub(crate) fn process(&self, backend: u8) -> Option<u32> {
        *self.place(backend)?.process.lock()
    }

    /// The process of `backend` is there, or no more.
    pub(super) fn set(&self, backend: u8, process: Option<u32>) {
        if let Some(place) = self.place(backend) {
            *place.process.lock() = process;
        }
    }

    /// Has the process of `backend` killed; whether there is one.
    pub(crate) fn kill(&self, backend: u8) -> bool {
        let Some(place) = self.place(backend) else { return false };
        let is_there = place.process.lock().is_some();
        if is_there {
            place.kill.notify_one();
        }
        is_there
    }

    /// Completes when somebody wants the process of `backend` killed.
    pub(super) async fn killed(&self, backend: u8) {
        match self.place(backend) {
            Some(place) => place.kill.notified().await,
            None => std::future::pending().await,
        }
    }

    fn place(&self, backend: u8) -> Option<&Place> {
        self.0.get(usize::from(backend))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_who_is_there_is_killed() {
        let processes = Processes::new(2);
        assert!(!processes.kill(0) && !processes.kill(7));
        processes.set(1, Some(4_711));
        assert_eq!((processes.process(0), processes.process(1)), (None, Some(4_711)));
        assert!(processes.kill(1));
        processes.killed(1).await;
    }
}
