//! The processes that backends are, as the rest of the server knows them.

use parking_lot::Mutex;
use tokio::sync::watch;

/// Which backends have a process just now.
#[derive(Debug)]
pub(crate) struct Processes(Vec<Place>);

#[derive(Debug, Default)]
struct Place {
    process: Mutex<Option<u32>>,
    /// Whether somebody wants this process killed, and not the one before it.
    is_doomed: watch::Sender<bool>,
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
            let mut current = place.process.lock();
            if *current != process {
                *current = process;
                place.is_doomed.send_replace(false);
            }
        }
    }

    /// Has the process of `backend` killed; whether there is one.
    pub(crate) fn kill(&self, backend: u8) -> bool {
        let Some(place) = self.place(backend) else { return false };
        let process = place.process.lock();
        if process.is_some() {
            place.is_doomed.send_replace(true);
        }
        process.is_some()
    }

    /// Completes when somebody wants the process of `backend` killed.
    pub(super) async fn killed(&self, backend: u8) {
        match self.place(backend) {
            Some(place) => drop(place.is_doomed.subscribe().wait_for(|is_doomed| *is_doomed).await),
            None => std::future::pending().await,
        }
    }

    fn place(&self, backend: u8) -> Option<&Place> {
        self.0.get(usize::from(backend))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

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

    #[tokio::test]
    async fn a_process_is_not_killed_for_the_one_before_it() {
        let processes = Processes::new(1);
        processes.set(0, Some(1));
        assert!(processes.kill(0));
        processes.set(0, Some(1));
        processes.killed(0).await;
        assert!(processes.kill(0), "twice");
        processes.set(0, None);
        assert!(!processes.kill(0));
        processes.set(0, Some(2));
        assert_eq!(processes.killed(0).now_or_never(), None);
        assert!(processes.kill(0));
        assert_eq!(processes.killed(0).now_or_never(), Some(()));
    }
}
