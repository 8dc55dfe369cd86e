//! The least of recent samples: Kathleen Nichols' windowed minimum, as Linux's `win_minmax` does it.

/// The least value within a window, in constant memory: the best, second best and third best samples of successive
/// parts of the window. For a greatest value keep `Reverse`d ones.
///
/// The window's unit is the caller's: microseconds, or round trips.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MinFilter<T> {
    window: u64,
    best: Option<[Sample<T>; 3]>,
}

#[derive(Clone, Copy, Debug)]
struct Sample<T> {
    at: u64,
    value: T,
}

impl<T: Copy + Ord> MinFilter<T> {
    pub(crate) const fn new(window: u64) -> Self {
        Self { window, best: None }
    }

    /// The least sample of the window.
    pub(crate) fn get(&self) -> Option<T> {
        self.best.map(|best| best[0].value)
    }

    pub(crate) fn add(&mut self, value: T, at: u64) {
        let new = Sample { at, value };
        let Some(mut best) = self.best else {
            self.best = Some([new; 3]);
            return;
        };
        if value <= best[0].value || at.saturating_sub(best[2].at) > self.window {
            self.best = Some([new; 3]);
            return;
        }
        if value <= best[1].value {
            best[1] = new;
            best[2] = new;
        } else if value <= best[2].value {
            best[2] = new;
        }
        self.best = Some(self.aged(best, new));
    }

    /// Moves the runners-up forward as the best grows old.
    fn aged(&self, mut best: [Sample<T>; 3], new: Sample<T>) -> [Sample<T>; 3] {
        let age = new.at.saturating_sub(best[0].at);
        if age > self.window {
            best = [best[1], best[2], new];
            if new.at.saturating_sub(best[0].at) > self.window {
                best = [best[1], best[2], new];
            }
        } else if best[1].at == best[0].at && age > self.window / 4 {
            best[1] = new;
            best[2] = new;
        } else if best[2].at == best[1].at && age > self.window / 2 {
            best[2] = new;
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use core::cmp::Reverse;

    use super::*;

    #[test]
    fn the_minimum_is_forgotten_after_the_window_and_replaced_by_a_recent_one() {
        let mut filter = MinFilter::new(10_000);
        filter.add(50, 0);
        for second in 1..=9 {
            filter.add(100 + second, second * 1_000);
            assert_eq!(filter.get(), Some(50));
        }
        filter.add(120, 10_500);
        let least = filter.get().expect("there are samples");
        assert!((101..=120).contains(&least), "{least} is no recent sample");
        filter.add(40, 10_600);
        assert_eq!(filter.get(), Some(40));
    }

    #[test]
    fn reversed_values_give_the_maximum() {
        let mut filter = MinFilter::new(10);
        for (round, rate) in [(0, 7_u64), (1, 9), (2, 8), (9, 3)] {
            filter.add(Reverse(rate), round);
        }
        assert_eq!(filter.get(), Some(Reverse(9)));
        filter.add(Reverse(3), 12);
        assert_eq!(filter.get(), Some(Reverse(3)));
    }
}
