//! The consumer of a lane: takes one message at a time, and has it for as long as it is told.

use std::time::Duration;

use sluice_shared::session::{ClientSession, Delivered};
use sluice_shared::time::Time;

/// A consumer, and the message in its hands. It is reckoned on a chain of deadlines: it takes a message when the one
/// before was done or when it arrived, whichever is later.
#[derive(Debug)]
pub(super) struct Consumer {
    delay: Duration,
    in_hand: Option<(Delivered, Time)>,
    free_since: Time,
}

impl Consumer {
    /// A consumer that has each message for `delay`.
    pub(super) const fn new(delay: Duration) -> Self {
        Self { delay, in_hand: None, free_since: Time::ZERO }
    }

    /// The next message that is done by `now`, with the time at which it was; its credit returns.
    pub(super) fn poll_consumed(
        &mut self,
        session: &mut ClientSession,
        now: Time,
    ) -> Option<(Delivered, Time)> {
        if self.in_hand.is_none() {
            self.take(session);
        }
        let (message, done_at) = self.in_hand.take_if(|(_, done_at)| *done_at <= now)?;
        self.free_since = done_at;
        session.handle_consumed(&message, now);
        self.take(session);
        Some((message, done_at))
    }

    /// When the message in hand is done.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.in_hand.as_ref().map(|(_, done_at)| *done_at)
    }

    fn take(&mut self, session: &mut ClientSession) {
        self.in_hand = session.poll_message().map(|message| {
            let done_at = self.free_since.max(message.received_at) + self.delay;
            (message, done_at)
        });
    }
}
