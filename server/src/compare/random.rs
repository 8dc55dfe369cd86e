//! Chance that follows from a seed.

/// Words that look random and follow from a seed: splitmix64.
#[derive(Clone, Debug)]
pub(in crate::compare) struct Draws(u64);

impl Draws {
    /// The words of `seed` for the purpose of this number.
    pub(in crate::compare) const fn new(seed: u64, purpose: u64) -> Self {
        Self(mix(seed ^ mix(purpose)))
    }

    /// The next word.
    pub(in crate::compare) const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A whole number below `end`.
    pub(in crate::compare) fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.word()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or(u64::MAX)
    }
}

const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
