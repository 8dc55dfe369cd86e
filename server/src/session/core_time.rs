//! For how long a connection's task has run.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The total of the polls of one future: the time in which it kept a core, or another task kept the core from it.
///
/// Two readings of the clock for each poll: about a tenth of a microsecond.
#[derive(Debug, Default)]
pub(super) struct CoreTime {
    nanos: AtomicU64,
}

impl CoreTime {
    /// Runs `future`, and counts how long each of its polls takes.
    pub(super) async fn meter<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        std::future::poll_fn(|cx| {
            let started = Instant::now();
            let polled = future.as_mut().poll(cx);
            let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.nanos.fetch_add(nanos, Ordering::Relaxed);
            polled
        })
        .await
    }

    /// All polls that have ended.
    pub(super) fn total(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_costs_nothing_and_running_does() {
        let core = CoreTime::default();
        let busy = Duration::from_millis(20);
        let work = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let started = Instant::now();
            while started.elapsed() < busy {}
        };
        let started = Instant::now();
        core.meter(work).await;
        assert!(core.total() >= busy);
        assert!(core.total() < started.elapsed() - Duration::from_millis(50), "{:?}", core.total());
    }
}
