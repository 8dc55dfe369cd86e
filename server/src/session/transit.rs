//! Which messages have not reached the wire.

use std::collections::VecDeque;

use sluice_shared::session::Batch;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::Hop;

/// The batches given to a transport, so that bytes it still holds can be told as messages and their age.
///
/// Of a batch that is partly on the wire the messages count in full. Bounded: when there are too many batches, the
/// newest two count as one.
#[derive(Debug, Default)]
pub(crate) struct Transit {
    batches: VecDeque<Carried>,
}

#[derive(Clone, Copy, Debug)]
struct Carried {
    amount: Amount,
    /// `None` when it holds no messages.
    oldest: Option<Time>,
}

impl Transit {
    const MOST: usize = 256;

    /// Adds a batch behind the others.
    pub(crate) fn push(&mut self, batch: Batch) {
        self.push_carried(Carried { amount: batch.amount, oldest: Some(batch.oldest) });
    }

    /// Adds bytes that are no messages.
    pub(crate) fn push_other(&mut self, bytes: u64) {
        self.push_carried(Carried { amount: Amount::new(0, bytes), oldest: None });
    }

    fn push_carried(&mut self, carried: Carried) {
        let full = self.batches.len() >= Self::MOST;
        match self.batches.back_mut().filter(|_| full) {
            Some(last) => {
                last.amount += carried.amount;
                last.oldest = last.oldest.or(carried.oldest);
            }
            None => self.batches.push_back(carried),
        }
    }

    /// What lies in the last `bytes` bytes; all before them is forgotten.
    pub(crate) fn held(&mut self, bytes: u64, bound_bytes: u64, now: Time) -> Hop {
        let mut covered = 0u64;
        let mut held = Amount::ZERO;
        let mut oldest = None;
        let mut keep = 0;
        for carried in self.batches.iter().rev() {
            if covered >= bytes {
                break;
            }
            covered = covered.saturating_add(carried.amount.bytes);
            held.messages += carried.amount.messages;
            oldest = carried.oldest.or(oldest);
            keep += 1;
        }
        let gone = self.batches.len() - keep;
        self.batches.drain(..gone);
        held.bytes = bytes;
        Hop {
            held,
            bound: Amount::new(0, bound_bytes),
            oldest_age_micros: oldest.map_or(0, |at| now.as_micros().saturating_sub(at.as_micros())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_shared::ids::StreamId;

    fn batch(messages: u64, bytes: u64, at_millis: u64) -> Batch {
        Batch {
            amount: Amount::new(messages, bytes),
            stream: StreamId(0),
            oldest: Time::from_millis(at_millis),
        }
    }

    #[test]
    fn bytes_that_wait_are_told_as_messages_and_age() {
        let mut transit = Transit::default();
        for index in 0..5 {
            transit.push(batch(2, 100, index));
        }
        let hop = transit.held(150, 1_000, Time::from_millis(10));
        assert_eq!(hop.held, Amount::new(4, 150));
        assert_eq!(hop.oldest_age_micros, 7_000);
        assert_eq!(transit.held(0, 1_000, Time::from_millis(10)).held, Amount::ZERO);
        assert_eq!(transit.held(80, 1_000, Time::from_millis(10)).held, Amount::new(0, 80));
    }

    #[test]
    fn batches_are_bounded() {
        let mut transit = Transit::default();
        for index in 0..10_000 {
            transit.push(batch(1, 10, index));
        }
        assert_eq!(transit.batches.len(), Transit::MOST);
        assert_eq!(transit.held(100_000, 0, Time::ZERO).held, Amount::new(10_000, 100_000));
    }
}
