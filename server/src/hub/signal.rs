//! How a session is woken.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// Wakes one session: its feeds have published, or it has to stop.
///
/// One signal carries both, so a session waits in one place however many feeds it follows. Only one task waits for a
/// signal, so a wait is two atomic operations: at a thousand sessions per publication that counts.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    waker: AtomicWaker,
    published: AtomicBool,
    stop: AtomicU8,
}

/// Why a session has to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stop {
    /// The server stops.
    GoingAway = 1,
    /// Another connection resumes the session.
    TakenOver = 2,
}

impl Signal {
    /// The logs may hold more.
    pub(crate) fn wake(&self) {
        if !self.published.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Asks the session to stop. The first reason counts.
    pub(crate) fn stop(&self, why: Stop) {
        // An earlier reason stands; the session is woken all the same.
        let first = self.stop.compare_exchange(0, why as u8, Ordering::AcqRel, Ordering::Acquire);
        tracing::trace!(?why, first = first.is_ok(), "session asked to stop");
        self.waker.wake();
    }

    /// Whether, and why, the session has to stop.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        match self.stop.load(Ordering::Acquire) {
            1 => Some(Stop::GoingAway),
            2 => Some(Stop::TakenOver),
            _ => None,
        }
    }

    /// Ready when the session has to stop or, if it cares, when there were publications.
    ///
    /// A session that cannot send anyway does not care, and is then woken by one publication at most.
    pub(crate) fn poll_woken(&self, cares: bool, cx: &mut Context<'_>) -> Poll<()> {
        // Registered first, so that a wake between the two steps is not missed.
        self.waker.register(cx.waker());
        let woken = self.stopped().is_some() || (cares && self.published.load(Ordering::Acquire));
        if woken { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether there were publications since the last call.
    pub(crate) fn take_published(&self) -> bool {
        self.published.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::{Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn a_wake_before_the_wait_is_not_lost() {
        let signal = Signal::default();
        signal.wake();
        poll_fn(|cx| signal.poll_woken(true, cx)).await;
        assert!(signal.take_published());
        assert!(!signal.take_published());
        assert_eq!(signal.stopped(), None);
    }

    #[test]
    fn a_session_that_does_not_care_is_woken_once_at_most_but_always_to_stop() {
        let (signal, count) = (Signal::default(), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        for _ in 0..100 {
            assert!(signal.poll_woken(false, &mut cx).is_pending());
            signal.wake();
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        signal.stop(Stop::GoingAway);
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
        assert!(signal.poll_woken(false, &mut cx).is_ready());
    }

    #[test]
    fn the_first_reason_to_stop_counts() {
        let signal = Signal::default();
        signal.stop(Stop::TakenOver);
        signal.stop(Stop::GoingAway);
        assert_eq!(signal.stopped(), Some(Stop::TakenOver));
    }
}
