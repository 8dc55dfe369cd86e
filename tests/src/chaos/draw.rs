//! Chances that follow from a seed.

/// A generator of chances: splitmix64.
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// Chances that follow from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub const fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is at least 1.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.any() % end
    }

    /// A number from 0 up to 1.
    pub const fn share(&mut self) -> f64 {
        /// What an f64 holds exactly.
        const BITS: u32 = 53;
        (self.any() >> (64 - BITS)) as f64 / (1_u64 << BITS) as f64
    }

    /// A number from `low` to `high`, small ones as likely as large ones: its logarithm is even.
    pub fn scaled(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.share())
    }

    /// One of `choices`, of which there is at least one.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let index = self.below(choices.len() as u64);
        choices[usize::try_from(index).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_range_and_reach_both_ends() {
        let mut draw = Draw::new(1);
        let scaled: Vec<f64> = (0..1_000).map(|_| draw.scaled(0.2, 12.0)).collect();
        assert!(scaled.iter().all(|value| (0.2..=12.0).contains(value)));
        assert!(scaled.iter().any(|value| *value < 0.3) && scaled.iter().any(|value| *value > 8.0));
        let below: std::collections::BTreeSet<u64> = (0..200).map(|_| draw.below(5)).collect();
        assert_eq!(below, (0..5).collect());
    }
}
