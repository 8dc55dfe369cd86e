//! Whether the other end is still there.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Asks every 20 s; who is not heard of in the 10 s after that is dead.
#[derive(Debug)]
pub(crate) struct Liveness {
    timer: Pin<Box<Sleep>>,
    waiting: bool,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A ping.
    Ping,
    /// The end: nobody answers.
    Dead,
}

impl Liveness {
    /// Between two pings.
    pub(crate) const INTERVAL: Duration = Duration::from_secs(20);
    /// From a ping to the end, if nothing is heard.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

    /// Counts from now on.
    pub(super) fn new() -> Self {
        Self { timer: Box::pin(sleep(Self::INTERVAL)), waiting: false }
    }

    /// Something has arrived; anything proves life, not only a pong.
    pub(super) fn handle_heard(&mut self) {
        if self.waiting {
            self.waiting = false;
            self.timer.as_mut().reset(Instant::now() + (Self::INTERVAL - Self::PATIENCE));
        }
    }

    /// What is due next.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        ready!(self.timer.as_mut().poll(cx));
        let due = if self.waiting { Due::Dead } else { Due::Ping };
        self.waiting = true;
        self.timer.as_mut().reset(Instant::now() + Self::PATIENCE);
        Poll::Ready(due)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_not_heard_of_after_a_ping_is_dead() {
        let started = Instant::now();
        let mut liveness = Liveness::new();
        assert_eq!(poll_fn(|cx| liveness.poll_due(cx)).await, Due::Ping);
        assert_eq!(started.elapsed().as_secs(), 20);
        liveness.handle_heard();
        assert_eq!(poll_fn(|cx| liveness.poll_due(cx)).await, Due::Ping);
        assert_eq!(poll_fn(|cx| liveness.poll_due(cx)).await, Due::Dead);
    }
}
