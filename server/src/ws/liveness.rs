//! Whether the other end is still there.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::config::Pings;

/// Asks once an interval; who is not heard of for the timeout after a ping is dead.
///
/// Whoever dies is so noticed within interval + timeout. WebTransport needs none of this: QUIC's own idle timeout and
/// keep-alives do the same below (`wt::settings`).
#[derive(Debug)]
pub(super) struct Liveness {
    pings: Pings,
    timer: Pin<Box<Sleep>>,
    /// When the last ping was due, as long as nothing is heard after it.
    unanswered_since: Option<Instant>,
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
    /// Counts from now on.
    pub(super) fn new(pings: Pings) -> Self {
        Self { pings, timer: Box::pin(sleep(pings.interval)), unanswered_since: None }
    }

    /// How long a ping may remain unanswered.
    pub(super) const fn timeout(&self) -> Duration {
        self.pings.timeout
    }

    /// Something has arrived; anything proves life, not only a pong.
    pub(super) fn handle_heard(&mut self) {
        if let Some(pinged_at) = self.unanswered_since.take() {
            self.timer.as_mut().reset(pinged_at + self.pings.interval);
        }
    }

    /// What is due next.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        ready!(self.timer.as_mut().poll(cx));
        let now = Instant::now();
        self.timer.as_mut().reset(now + self.pings.timeout);
        let due = if self.unanswered_since.is_some() { Due::Dead } else { Due::Ping };
        self.unanswered_since = Some(now);
        Poll::Ready(due)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const QUICK: Pings =
        Pings { interval: Duration::from_millis(500), timeout: Duration::from_millis(1_500) };

    async fn next(liveness: &mut Liveness) -> Due {
        poll_fn(|cx| liveness.poll_due(cx)).await
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_heard_of_after_a_ping_is_dead_within_interval_and_timeout() {
        for pings in [Pings::DEFAULT, QUICK] {
            let mut liveness = Liveness::new(pings);
            assert_eq!(next(&mut liveness).await, Due::Ping);
            tokio::time::advance(pings.interval.min(pings.timeout) / 2).await;
            liveness.handle_heard();
            let heard_at = Instant::now();
            assert_eq!(next(&mut liveness).await, Due::Ping);
            assert_eq!(next(&mut liveness).await, Due::Dead);
            assert!(
                heard_at.elapsed() <= pings.interval + pings.timeout,
                "{pings:?}: {:?}",
                heard_at.elapsed()
            );
            assert!(heard_at.elapsed() >= pings.timeout, "{pings:?}: {:?}", heard_at.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_is_asked_once_an_interval() {
        let (mut liveness, started) = (Liveness::new(QUICK), Instant::now());
        for pings in 1..20 {
            assert_eq!(next(&mut liveness).await, Due::Ping);
            assert_eq!(started.elapsed().as_millis(), 500 * pings);
            tokio::time::advance(Duration::from_millis(20)).await;
            liveness.handle_heard();
        }
    }
}
