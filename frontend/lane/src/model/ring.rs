//! Bounded buffer of the newest values.

use std::collections::VecDeque;

/// Ring buffer of fixed capacity; the oldest value is dropped first.
#[derive(Debug)]
pub(super) struct Ring<T> {
    values: VecDeque<T>,
    most: usize,
}

impl<T: Clone> Ring<T> {
    /// Creates an empty ring for `most` values. Its memory is allocated here, so pushing never allocates.
    pub(super) fn new(most: usize) -> Self {
        Self { values: VecDeque::with_capacity(most), most }
    }

    /// Adds the newest value and returns the one that it displaced.
    pub(super) fn push(&mut self, value: T) -> Option<T> {
        let oldest = if self.values.len() >= self.most { self.values.pop_front() } else { None };
        self.values.push_back(value);
        oldest
    }

    /// Takes all values, oldest first.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        let all = self.all();
        self.values.clear();
        all
    }

    /// Returns all values, oldest first.
    pub(super) fn all(&self) -> Vec<T> {
        self.values.iter().cloned().collect()
    }

    /// Returns the newest value.
    pub(super) fn newest_mut(&mut self) -> Option<&mut T> {
        self.values.back_mut()
    }

    /// Returns all values, newest first.
    pub(super) fn newest_first_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.values.iter_mut().rev()
    }

    /// Discards all values.
    pub(super) fn clear(&mut self) {
        self.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_keeps_the_newest() {
        let mut ring = Ring::new(3);
        let forgotten: Vec<_> = (0..10).filter_map(|value| ring.push(value)).collect();
        assert_eq!(forgotten, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(ring.take_all(), [7, 8, 9]);
        assert!(ring.take_all().is_empty());
    }
}
