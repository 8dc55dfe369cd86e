//! Where a run's choices come from: a seed, or the bytes of a fuzzer.

use std::collections::VecDeque;

/// A source of choices. The same seed, or the same bytes, choose alike.
#[derive(Debug)]
pub(crate) struct Choices {
    script: Option<VecDeque<u8>>,
    state: u64,
}

impl Choices {
    /// Choices by splitmix64.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { script: None, state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) }
    }

    /// Choices by `bytes`; when they are used up, every choice is the first.
    pub(crate) fn scripted(bytes: &[u8]) -> Self {
        Self { script: Some(bytes.iter().copied().collect()), state: 0 }
    }

    /// A number below `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        if end <= 1 {
            return 0;
        }
        let drawn = match &mut self.script {
            Some(script) => {
                let bytes = (64 - (end - 1).leading_zeros()).div_ceil(8);
                (0..bytes).fold(0, |drawn, _| drawn << 8 | u64::from(script.pop_front().unwrap_or(0)))
            }
            None => self.draw(),
        };
        drawn % end
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }

    /// Whether something happens that does so `permille` times in a thousand. Bytes that are used up say no.
    pub(crate) fn chance(&mut self, permille: u64) -> bool {
        permille > 0 && self.below(1_000) >= 1_000 - permille.min(1_000)
    }

    /// One of `items`, which has some.
    pub(crate) fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        let index = self.below(items.len() as u64);
        items[usize::try_from(index).expect("below a length")]
    }

    /// Whether a script has been used up; seeds never are.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.script.as_ref().is_some_and(VecDeque::is_empty)
    }

    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
