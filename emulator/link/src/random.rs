//! Random numbers that follow from a seed and a place, equal on every platform.

use sluice_shared::link::Direction;

/// What a random number decides; each purpose has its own sequence, so that changing one setting leaves the luck of the
/// others as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Loss,
    Jitter,
    Late,
    Duplicate,
    Spells,
}

/// The sequence of splitmix64 for one seed, direction and purpose, every number of which can be had by itself.
///
/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014). It passes the usual test batteries,
/// needs only whole numbers, and its n-th output is a function of n.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequence {
    origin: u64,
}

impl Sequence {
    pub(crate) const fn new(seed: u64, direction: Direction, purpose: Purpose) -> Self {
        let place = (direction as u64) << 8 | purpose as u64;
        Self { origin: mix(mix(seed) ^ mix(place.wrapping_mul(STEP))) }
    }

    /// The `n`-th word.
    pub(crate) const fn word(self, n: u64) -> u64 {
        mix(self.origin.wrapping_add(STEP.wrapping_mul(n.wrapping_add(1))))
    }

    /// The `n`-th of the sequences that spring from this one.
    pub(crate) const fn branch(self, n: u64) -> Self {
        Self { origin: mix(self.word(n)) }
    }

    /// A whole number from 0 to `most`, from the `n`-th word.
    pub(crate) fn up_to(self, most: u64, n: u64) -> u64 {
        scaled(self.word(n), most.saturating_add(1))
    }
}

/// The words of a [`Sequence`] one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    sequence: Sequence,
    next: u64,
}

impl Stream {
    pub(crate) const fn new(sequence: Sequence) -> Self {
        Self { sequence, next: 0 }
    }

    /// The next word.
    pub(crate) fn word(&mut self) -> u64 {
        let word = self.sequence.word(self.next);
        self.next += 1;
        word
    }

    /// A whole number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        scaled(self.word(), end)
    }

    /// An exponentially distributed number of mean `mean`, rounded down.
    ///
    /// Von Neumann's method: it only compares words, so no platform's logarithm can make a difference. A run of
    /// falling words has odd length with probability e^−x for its first word x; each run of even length adds one mean.
    pub(crate) fn exponential(&mut self, mean: u64) -> u64 {
        let mut whole_means = 0u64;
        loop {
            let first = self.word();
            let (mut last, mut length) = (first, 1u32);
            loop {
                let word = self.word();
                if word >= last {
                    break;
                }
                last = word;
                length += 1;
            }
            if length % 2 == 1 {
                return mean.saturating_mul(whole_means).saturating_add(scaled(first, mean));
            }
            whole_means += 1;
        }
    }
}

/// The weight of 2⁶⁴ between successive states: 2⁶⁴ ÷ the golden ratio, odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Splitmix64's output function: a bijection whose outputs look random.
const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// `word` of 2⁶⁴ brought to a whole number below `end`.
fn scaled(word: u64, end: u64) -> u64 {
    let product = u128::from(word) * u128::from(end);
    u64::try_from(product >> 64).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(seed: u64, direction: Direction, purpose: Purpose) -> Sequence {
        Sequence::new(seed, direction, purpose)
    }

    #[test]
    fn a_sequence_is_that_of_splitmix64() {
        // The reference implementation's first outputs for the state 1234567.
        let sequence = Sequence { origin: 1_234_567 };
        assert_eq!(sequence.word(0), 6_457_827_717_110_365_317);
        assert_eq!(sequence.word(1), 3_203_168_211_198_807_973);
    }

    #[test]
    fn places_do_not_share_their_luck() {
        let mut firsts: Vec<u64> = Vec::new();
        for seed in 0..50 {
            for direction in Direction::BOTH {
                for purpose in
                    [Purpose::Loss, Purpose::Jitter, Purpose::Late, Purpose::Duplicate, Purpose::Spells]
                {
                    firsts.push(sequence(seed, direction, purpose).word(0));
                }
            }
        }
        let all = firsts.len();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), all);
    }

    #[test]
    fn exponential_numbers_have_their_mean_and_their_tail() {
        let mut stream = Stream::new(sequence(1, Direction::Up, Purpose::Spells));
        let drawn: Vec<u64> = (0..200_000).map(|_| stream.exponential(1_000_000)).collect();
        let mean = drawn.iter().map(|value| *value as f64).sum::<f64>() / drawn.len() as f64 / 1e6;
        // 3 standard errors: the deviation of an exponential is its mean.
        assert!((mean - 1.0).abs() < 3.0 / (drawn.len() as f64).sqrt(), "mean {mean}");
        let beyond_two = drawn.iter().filter(|value| **value > 2_000_000).count() as f64 / drawn.len() as f64;
        assert!((beyond_two - (-2.0f64).exp()).abs() < 0.003, "tail {beyond_two}");
    }
}
