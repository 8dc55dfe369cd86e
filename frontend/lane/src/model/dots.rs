//! Sample of the messages.

use super::ring::Ring;
use sluice_bridge::{Dot, Report};

/// Sampler that takes every n-th message, about 60 per second; slower feeds are taken whole.
///
/// Counting messages rather than time keeps the sample fair: messages that arrive together are as likely to
/// be taken as those that arrive alone.
#[derive(Debug)]
pub(super) struct DotSampler {
    taken: Ring<Dot>,
    /// Messages to skip before the next one is taken.
    skip: u64,
}

impl DotSampler {
    const PER_SECOND: u64 = 60;

    pub(super) fn new() -> Self {
        Self { taken: Ring::new(Report::MAX_DOTS), skip: 0 }
    }

    /// Offers a message of a feed with `per_second` messages per second.
    pub(super) fn offer(&mut self, dot: Dot, per_second: u64) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        self.skip = (per_second / Self::PER_SECOND).max(1) - 1;
        self.taken.push(dot);
    }

    /// Takes the sample since the last call.
    pub(super) fn take(&mut self) -> Vec<Dot> {
        self.taken.take_all()
    }

    /// Discards the sample.
    pub(super) fn clear(&mut self) {
        self.taken.clear();
        self.skip = 0;
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::time::Time;

    use super::*;

    fn sampled(messages: u64, per_second: u64) -> Vec<u64> {
        let mut sampler = DotSampler::new();
        let mut taken = Vec::new();
        for seq in 0..messages {
            let at = Time::ZERO;
            let dot = Dot {
                stream: 0,
                seq,
                produced_at: at,
                sent_at: at,
                received_at: at,
                taken_at: at,
                consumed_at: at,
            };
            sampler.offer(dot, per_second);
            taken.extend(sampler.take().iter().map(|dot| dot.seq));
        }
        taken
    }

    #[test]
    fn a_slow_feed_is_shown_whole() {
        assert_eq!(sampled(50, 50).len(), 50);
        assert_eq!(sampled(100, 100).len(), 100);
    }

    #[test]
    fn a_fast_feed_is_sampled_evenly() {
        let taken = sampled(20_000, 20_000);
        assert!((60..=61).contains(&taken.len()), "{}", taken.len());
        assert!(taken.windows(2).all(|pair| pair[1] - pair[0] == 333));
    }
}
