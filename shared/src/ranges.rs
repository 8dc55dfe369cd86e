//! A set of positions kept as runs.

use std::collections::BTreeMap;

use crate::ids::Seq;
use crate::wire::SeqRange;

/// Positions, stored as runs that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// First position of a run to the position after its last.
    runs: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Adds the run `first..end` and returns how many of its positions were new.
    pub fn insert(&mut self, first: Seq, end: Seq) -> u64 {
        let (mut first, mut end) = (first.0, end.0);
        if first >= end {
            return 0;
        }
        let mut added = end - first;
        // Runs that overlap or touch begin at or before `end`; the last of them may begin before `first`.
        while let Some((&run_first, &run_end)) = self.runs.range(..=end).next_back() {
            if run_end < first {
                break;
            }
            added -= run_end.min(end).saturating_sub(run_first.max(first));
            first = first.min(run_first);
            end = end.max(run_end);
            self.runs.remove(&run_first);
        }
        self.runs.insert(first, end);
        added
    }

    /// Adds one position; whether it was new.
    pub fn insert_one(&mut self, seq: Seq) -> bool {
        self.insert(seq, seq.next()) == 1
    }

    /// Whether `seq` is in the set.
    pub fn contains(&self, seq: Seq) -> bool {
        self.runs.range(..=seq.0).next_back().is_some_and(|(_, &end)| seq.0 < end)
    }

    /// The end of the run that holds `seq`; `seq` itself when none does.
    pub fn end_of_run_at(&self, seq: Seq) -> Seq {
        match self.runs.range(..=seq.0).next_back() {
            Some((_, &end)) if end > seq.0 => Seq(end),
            _ => seq,
        }
    }

    /// Removes every position below `bound`.
    pub fn remove_below(&mut self, bound: Seq) {
        while let Some((&first, &end)) = self.runs.first_key_value() {
            if first >= bound.0 {
                break;
            }
            self.runs.remove(&first);
            if end > bound.0 {
                self.runs.insert(bound.0, end);
                break;
            }
        }
    }

    /// The runs in `first..end` that are not in the set, in order; none when `end` is not after `first`.
    pub fn missing(&self, first: Seq, end: Seq) -> impl Iterator<Item = SeqRange> + '_ {
        let mut at = self.end_of_run_at(first).0;
        let mut later = self.runs.range(first.0..end.0.max(first.0));
        core::iter::from_fn(move || {
            loop {
                if at >= end.0 {
                    return None;
                }
                let start = at;
                let (until, next) = match later.next() {
                    Some((&run_first, &run_end)) => (run_first, run_end),
                    None => (end.0, end.0),
                };
                at = next.max(start);
                if until > start {
                    return Some(SeqRange { first: Seq(start), count: until - start });
                }
            }
        })
    }

    /// Takes up to `most` runs off the front, in order.
    pub fn take_first(&mut self, most: usize) -> Vec<SeqRange> {
        let mut taken = Vec::with_capacity(most.min(self.runs.len()));
        while taken.len() < most
            && let Some((first, end)) = self.runs.pop_first()
        {
            taken.push(SeqRange { first: Seq(first), count: end - first });
        }
        taken
    }

    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The position after the last one; `None` when empty.
    pub fn end(&self) -> Option<Seq> {
        self.runs.last_key_value().map(|(_, &end)| Seq(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn runs(set: &Ranges) -> Vec<(u64, u64)> {
        set.runs.iter().map(|(&first, &end)| (first, end)).collect()
    }

    #[test]
    fn runs_that_touch_become_one() {
        let mut set = Ranges::default();
        assert_eq!(set.insert(Seq(4), Seq(6)), 2);
        assert_eq!(set.insert(Seq(0), Seq(2)), 2);
        assert_eq!(set.insert(Seq(2), Seq(4)), 2);
        assert_eq!(runs(&set), [(0, 6)]);
        assert_eq!(set.insert(Seq(1), Seq(9)), 3);
        assert_eq!(set.insert(Seq(3), Seq(3)), 0);
        assert_eq!(runs(&set), [(0, 9)]);
    }

    #[test]
    fn what_is_missing_is_listed_in_order() {
        let mut set = Ranges::default();
        set.insert(Seq(2), Seq(4));
        set.insert(Seq(7), Seq(8));
        let missing: Vec<_> = set.missing(Seq(0), Seq(10)).map(|r| (r.first.0, r.count)).collect();
        assert_eq!(missing, [(0, 2), (4, 3), (8, 2)]);
        let inner: Vec<_> = set.missing(Seq(3), Seq(7)).map(|r| (r.first.0, r.count)).collect();
        assert_eq!(inner, [(4, 3)]);
        assert_eq!(set.missing(Seq(6), Seq(5)).count(), 0);
    }

    #[cfg(not(target_arch = "wasm32"))]
    mod properties {
        use super::*;
        use proptest::prelude::*;
        use std::collections::BTreeSet;

        proptest! {
            #[test]
            fn runs_agree_with_a_plain_set(ops in prop::collection::vec((0u64..64, 0u64..12, any::<bool>()), 0..60)) {
                let mut set = Ranges::default();
                let mut model = BTreeSet::new();
                for (first, count, remove) in ops {
                    if remove {
                        set.remove_below(Seq(first));
                        model.retain(|&seq| seq >= first);
                    } else {
                        let before = model.len();
                        model.extend(first..first + count);
                        let added = set.insert(Seq(first), Seq(first + count));
                        prop_assert_eq!(added, (model.len() - before) as u64);
                    }
                    for seq in 0..80 {
                        prop_assert_eq!(set.contains(Seq(seq)), model.contains(&seq));
                    }
                    let missing: Vec<u64> =
                        set.missing(Seq(3), Seq(77)).flat_map(|r| r.first.0..r.end().0).collect();
                    let expected: Vec<u64> = (3..77).filter(|seq| !model.contains(seq)).collect();
                    prop_assert_eq!(missing, expected);
                }
            }
        }
    }
}
