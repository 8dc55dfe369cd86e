//! Both halves of credit against a small reference model.

use std::collections::VecDeque;

use sluice_shared::flow::{Receiver, Sender};
use sluice_shared::units::Amount;
use sluice_shared::wire::codec::MAX_ITEM;

use super::choices::Choices;

/// The largest message with its length prefix, bytes.
const LARGEST: u64 = MAX_ITEM as u64 + 3;
/// Most grants on the way at a time.
const MOST_GRANTS: usize = 16;

/// A sender, a receiver, all that is on the way between them, and what the model knows.
#[derive(Debug)]
pub(crate) struct CreditWorld {
    sender: Sender,
    receiver: Receiver,
    /// Messages on the way, in no order.
    flying: Vec<u64>,
    /// Messages that wait to be consumed, those of earlier connections first.
    inbox: VecDeque<u64>,
    /// Limits on the way to the sender, in no order.
    grants: Vec<Amount>,
    /// How often the consumer consumes, of eight times.
    appetite: u64,
    model: Model,
}

/// The law in its plainest form: totals of the connection, and the largest limit that was heard.
#[derive(Debug)]
struct Model {
    heard: Amount,
    sent: Amount,
    /// The largest window since the connection opened: limits never shrink.
    largest_window: Amount,
    /// What the inbox and the wire held when the connection opened.
    waiting: Amount,
}

impl CreditWorld {
    /// A fresh connection with a window that `choices` pick.
    pub(crate) fn new(choices: &mut Choices) -> Self {
        let appetite = choices.below(9);
        Self::opened(random_window(choices), VecDeque::new(), appetite)
    }

    fn opened(window: Amount, inbox: VecDeque<u64>, appetite: u64) -> Self {
        let held = total(inbox.iter());
        let receiver = Receiver::new(window, held);
        let limit = receiver.limit();
        let model =
            Model { heard: limit, sent: Amount::ZERO, largest_window: receiver.window(), waiting: held };
        let (sender, flying, grants) = (Sender::new(limit), Vec::new(), Vec::new());
        Self { sender, receiver, flying, inbox, grants, appetite, model }
    }

    /// Does one random operation, and checks the law and progress.
    ///
    /// # Panics
    /// The law is broken, or nothing can ever move again.
    pub(crate) fn step(&mut self, choices: &mut Choices) {
        match choices.below(32) {
            0..=9 => self.send(random_size(choices)),
            10..=16 => self.arrive(choices),
            17..=22 if choices.below(8) < self.appetite => self.consume(choices),
            17..=22 => {}
            23..=25 => {
                self.grant();
            }
            26..=28 => self.deliver_grant(choices),
            29 => self.disturb_grants(choices),
            30 => self.lose(choices),
            _ => match choices.below(64) {
                0..=7 => self.change_window(choices),
                8..=11 => self.reconnect(choices),
                12..=15 => self.consume_all(),
                _ => {}
            },
        }
        self.check();
    }

    fn send(&mut self, bytes: u64) {
        let allowed = (self.model.sent + Amount::one(bytes)).fits_within(self.model.heard);
        assert_eq!(self.sender.allows(bytes), allowed, "{self:?}");
        if self.sender.try_spend(bytes) {
            self.model.sent += Amount::one(bytes);
            self.model.waiting += Amount::one(bytes);
            self.flying.push(bytes);
        }
    }

    fn arrive(&mut self, choices: &mut Choices) {
        if let Some(bytes) = take_any(&mut self.flying, choices) {
            assert!(
                self.receiver.handle_received(bytes),
                "the receiver calls a legal message an overrun: {self:?}"
            );
            self.inbox.push_back(bytes);
        }
    }

    fn lose(&mut self, choices: &mut Choices) {
        if let Some(bytes) = take_any(&mut self.flying, choices) {
            self.receiver.handle_lost(Amount::one(bytes));
            self.receiver.handle_consumed(Amount::one(bytes));
            self.model.waiting = self.model.waiting - Amount::one(bytes);
        }
    }

    fn consume(&mut self, choices: &mut Choices) {
        for _ in 0..choices.between(1, 3) {
            self.consume_one();
        }
    }

    fn consume_all(&mut self) {
        while self.consume_one() {}
    }

    fn consume_one(&mut self) -> bool {
        let Some(bytes) = self.inbox.pop_front() else { return false };
        self.receiver.handle_consumed(Amount::one(bytes));
        self.model.waiting = self.model.waiting - Amount::one(bytes);
        true
    }

    fn grant(&mut self) -> bool {
        let before = self.receiver.limit();
        let Some(report) = self.receiver.poll_grant() else { return false };
        assert!(
            before.fits_within(report.limit) && before != report.limit,
            "a grant grants nothing: {self:?}"
        );
        assert!(report.consumed.fits_within(report.received), "{self:?}");
        assert!(report.received.fits_within(self.model.sent), "{self:?}");
        self.send_grant(report.limit);
        true
    }

    fn send_grant(&mut self, limit: Amount) {
        self.grants.push(limit);
        if self.grants.len() > MOST_GRANTS {
            let oldest = self.grants.remove(0);
            self.hear(oldest);
        }
    }

    fn deliver_grant(&mut self, choices: &mut Choices) {
        if let Some(limit) = take_any(&mut self.grants, choices) {
            self.hear(limit);
        }
    }

    fn hear(&mut self, limit: Amount) {
        self.sender.handle_limit(limit);
        self.model.heard = self.model.heard.max_each(limit);
    }

    /// Repeats a grant, sends the one in force again, or loses one that a later one supersedes.
    fn disturb_grants(&mut self, choices: &mut Choices) {
        match choices.below(3) {
            0 if !self.grants.is_empty() => {
                let limit = choices.one_of(&self.grants);
                self.send_grant(limit);
            }
            1 => {
                let limit = self.receiver.report().limit;
                self.send_grant(limit);
            }
            _ => {
                let newest = self.receiver.limit();
                let older = self.grants.iter().position(|&limit| limit != newest);
                if self.grants.contains(&newest)
                    && let Some(index) = older
                {
                    self.grants.remove(index);
                }
            }
        }
    }

    fn change_window(&mut self, choices: &mut Choices) {
        self.receiver.set_window(random_window(choices));
        self.model.largest_window = self.model.largest_window.max_each(self.receiver.window());
    }

    /// What was on the way is gone; what waits is held against the next connection's window.
    fn reconnect(&mut self, choices: &mut Choices) {
        let inbox = core::mem::take(&mut self.inbox);
        let window = if choices.chance(500) { self.receiver.window() } else { random_window(choices) };
        *self = Self::opened(window, inbox, self.appetite);
    }

    fn check(&mut self) {
        let (sent, limit) = (self.sender.sent(), self.sender.limit());
        assert_eq!((sent, limit), (self.model.sent, self.model.heard), "{self:?}");
        assert!(sent.fits_within(limit), "the law is broken: {self:?}");
        assert!(limit.fits_within(self.receiver.limit()), "more is allowed than was granted: {self:?}");
        // What is on the way and in the inbox never passes the window, unless it came over from an earlier connection.
        let bound = self.model.largest_window.max_each(total(self.inbox.iter()));
        assert!(self.model.waiting.fits_within(bound), "the window is passed: {self:?}");
        let is_quiet = self.flying.is_empty() && self.inbox.is_empty() && self.grants.is_empty();
        if is_quiet && !self.sender.allows(LARGEST) {
            assert!(
                self.grant(),
                "nothing is on the way, nothing is due, and the largest message cannot go: {self:?}"
            );
        }
    }
}

fn random_window(choices: &mut Choices) -> Amount {
    let messages = match choices.below(3) {
        0 => choices.between(1, 4),
        1 => choices.between(1, 256),
        _ => choices.between(1, 8_192),
    };
    let bytes = match choices.below(4) {
        0 => choices.between(1, 1_024),
        1 => choices.between(1, 2 * LARGEST),
        _ => choices.between(1, 8 * 1024 * 1024),
    };
    Amount::new(messages, bytes)
}

fn random_size(choices: &mut Choices) -> u64 {
    match choices.below(8) {
        0 => choices.between(1, LARGEST),
        1 => LARGEST,
        2 => choices.between(1, 4_096),
        _ => choices.between(1, 256),
    }
}

fn take_any<T>(items: &mut Vec<T>, choices: &mut Choices) -> Option<T> {
    let index = usize::try_from(choices.below(items.len() as u64)).ok()?;
    (index < items.len()).then(|| items.swap_remove(index))
}

fn total<'a>(sizes: impl Iterator<Item = &'a u64>) -> Amount {
    sizes.fold(Amount::ZERO, |sum, &bytes| sum + Amount::one(bytes))
}

/// Interprets a fuzzer's bytes as credit operations.
pub(crate) fn credit_ops(data: &[u8]) {
    let mut choices = Choices::scripted(data);
    let mut world = CreditWorld::new(&mut choices);
    while !choices.is_exhausted() {
        world.step(&mut choices);
    }
}
