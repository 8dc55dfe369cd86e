//! How long to wait before connecting again.

use core::time::Duration;

/// Exponential backoff with full jitter: the n-th wait is drawn evenly from 0 to `250 ms · 2ⁿ`, at most 10 s.
///
/// Full jitter spreads clients that lost the same server; the generator is splitmix64, seeded by the caller.
#[derive(Clone, Debug)]
pub struct Backoff {
    attempt: u32,
    state: u64,
}

impl Backoff {
    /// The first wait's upper end.
    pub const FIRST: Duration = Duration::from_millis(250);
    /// The longest wait.
    pub const LONGEST: Duration = Duration::from_secs(10);

    /// A backoff whose waits follow from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { attempt: 0, state: seed }
    }

    /// How long to wait before the next try.
    pub fn next_delay(&mut self) -> Duration {
        let ceiling = Self::FIRST.saturating_mul(1 << self.attempt.min(16)).min(Self::LONGEST);
        self.attempt = self.attempt.saturating_add(1);
        let span = u64::try_from(ceiling.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.draw() % (span + 1))
    }

    /// A connection has held: the next loss starts over.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn waits_grow_to_ten_seconds_and_start_over() {
        let mut backoff = Backoff::new(1);
        let waits: Vec<_> = (0..40).map(|_| backoff.next_delay()).collect();
        assert!(waits[0] <= Backoff::FIRST);
        assert!(waits.iter().all(|wait| *wait <= Backoff::LONGEST));
        assert!(waits[10..].iter().any(|wait| *wait > Duration::from_secs(5)), "{waits:?}");
        backoff.reset();
        assert!(backoff.next_delay() <= Backoff::FIRST);
    }

    #[test]
    fn the_same_seed_waits_alike() {
        let (mut a, mut b) = (Backoff::new(9), Backoff::new(9));
        assert!((0..20).all(|_| a.next_delay() == b.next_delay()));
    }
}
