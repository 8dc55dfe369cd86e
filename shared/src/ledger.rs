//! What was sent and never came, told by the sender's own totals.
//!
//! Each datagram says what had been sent before it ([`crate::wire::BatchHeader`]), so the receiver can lay datagrams
//! end to end on the sender's count of messages and bytes. What is missing between two of them is lost or late, and
//! its size in both counts is known exactly. So credit that a lost datagram took is returned to the byte, and the
//! sender can be told which of its messages did not arrive.

use std::collections::{BTreeMap, VecDeque};

use core::time::Duration;

use crate::time::Time;
use crate::units::Amount;

/// The receiver's account of an unreliable connection.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Everything before this is settled: it has arrived, or was written off.
    settled: Amount,
    /// What has arrived beyond, by the messages before it: the totals before and after.
    beyond: BTreeMap<u64, (Amount, Amount)>,
    /// Totals that were sent at the latest when they were heard of, oldest first.
    heard: VecDeque<(Amount, Time)>,
}

/// A run of messages that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostRun {
    /// The place of the first among all messages of the connection.
    pub first: u64,
    /// How many, and their bytes.
    pub amount: Amount,
}

impl Ledger {
    /// How finely the times are kept at which totals were heard of.
    const GRAIN: Duration = Duration::from_millis(5);
    /// Most totals kept; beyond that, newer ones are heard of later.
    const MOST_HEARD: usize = 1_024;

    /// Takes in a datagram of `amount`, before which `before` had been sent.
    ///
    /// Returns `false` for one that came twice, or after it was written off: it must not be consumed.
    #[must_use]
    pub fn handle_datagram(&mut self, before: Amount, amount: Amount, now: Time) -> bool {
        if before.messages < self.settled.messages || self.beyond.contains_key(&before.messages) {
            return false;
        }
        let after = before + amount;
        self.beyond.insert(before.messages, (before, after));
        self.advance();
        self.handle_total(after, now);
        true
    }

    /// Hears that `sent` has been sent by now.
    pub fn handle_total(&mut self, sent: Amount, now: Time) {
        if sent.messages <= self.settled.messages || self.heard.len() >= Self::MOST_HEARD {
            return;
        }
        let old_news = self
            .heard
            .back()
            .is_some_and(|&(last, at)| sent.messages <= last.messages || now.since(at) < Self::GRAIN);
        if !old_news {
            self.heard.push_back((sent, now));
        }
    }

    /// Writes off what was sent at least `patience` ago and has not come.
    pub fn take_lost(&mut self, patience: Duration, now: Time) -> Vec<LostRun> {
        let mut lost = Vec::new();
        while let Some(&(sent, at)) = self.heard.front() {
            if at + patience > now {
                break;
            }
            self.heard.pop_front();
            self.write_off_below(sent, &mut lost);
        }
        lost
    }

    /// When [`Ledger::take_lost`] may have something, given nothing more arrives.
    pub fn next_loss(&self, patience: Duration) -> Option<Time> {
        let waits_for = |&&(sent, _): &&(Amount, Time)| sent.messages > self.settled.messages;
        self.heard.iter().find(waits_for).map(|&(_, at)| at + patience)
    }

    fn write_off_below(&mut self, sent: Amount, lost: &mut Vec<LostRun>) {
        while self.settled.messages < sent.messages {
            let end = match self.beyond.first_key_value() {
                Some((_, &(before, _))) if before.messages < sent.messages => before,
                Some(_) | None => sent,
            };
            let run = LostRun { first: self.settled.messages, amount: end - self.settled };
            self.settled = end;
            self.advance();
            lost.push(run);
        }
    }

    fn advance(&mut self) {
        while let Some(first) = self.beyond.first_entry()
            && *first.key() <= self.settled.messages
        {
            let (_, after) = first.remove();
            self.settled = self.settled.max_each(after);
        }
        while self.heard.front().is_some_and(|(sent, _)| sent.messages <= self.settled.messages) {
            self.heard.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const PATIENCE: Duration = Duration::from_millis(100);

    fn at(messages: u64) -> Amount {
        Amount::new(messages, messages * 10)
    }

    #[test]
    fn a_hole_is_written_off_after_its_patience_with_its_exact_size() {
        let mut ledger = Ledger::default();
        assert!(ledger.handle_datagram(at(0), at(1), Time::ZERO));
        assert!(ledger.handle_datagram(at(3), at(2), Time::from_millis(10)));
        assert_eq!(ledger.take_lost(PATIENCE, Time::from_millis(109)), []);
        assert_eq!(ledger.next_loss(PATIENCE), Some(Time::from_millis(110)));
        assert_eq!(ledger.take_lost(PATIENCE, Time::from_millis(110)), [LostRun { first: 1, amount: at(2) }]);
        assert_eq!(ledger.next_loss(PATIENCE), None);
    }

    #[test]
    fn a_late_datagram_fills_its_hole_but_not_after_it_was_written_off() {
        let mut ledger = Ledger::default();
        assert!(ledger.handle_datagram(at(1), at(1), Time::ZERO));
        assert!(ledger.handle_datagram(at(0), at(1), Time::from_millis(50)));
        assert_eq!(ledger.take_lost(PATIENCE, Time::from_millis(500)), []);
        assert!(ledger.handle_datagram(at(5), at(1), Time::from_millis(500)));
        assert_eq!(ledger.take_lost(PATIENCE, Time::from_millis(700)), [LostRun { first: 2, amount: at(3) }]);
        assert!(!ledger.handle_datagram(at(4), at(1), Time::from_millis(701)));
        assert!(!ledger.handle_datagram(at(5), at(1), Time::from_millis(702)));
    }

    #[test]
    fn the_last_datagrams_are_missed_by_the_total_alone() {
        let mut ledger = Ledger::default();
        ledger.handle_total(at(4), Time::ZERO);
        assert_eq!(ledger.take_lost(PATIENCE, Time::from_millis(100)), [LostRun { first: 0, amount: at(4) }]);
    }
}
