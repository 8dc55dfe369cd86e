//! The least of recent samples: Kathleen Nichols' windowed minimum, as Linux's `win_minmax` does it.

use core::time::Duration;

use sluice_shared::time::Time;

/// The least round trip within a window of time, in constant memory: the best, second best and third best samples of
/// successive parts of the window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MinFilter {
    window: Duration,
    best: Option<[Sample; 3]>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Time,
    micros: u64,
}

impl MinFilter {
    pub(crate) const fn new(window: Duration) -> Self {
        Self { window, best: None }
    }

    /// The least sample of the window, in microseconds.
    pub(crate) fn micros(&self) -> Option<u64> {
        self.best.map(|best| best[0].micros)
    }

    pub(crate) fn add(&mut self, micros: u64, now: Time) {
        let new = Sample { at: now, micros };
        let Some(mut best) = self.best else {
            self.best = Some([new; 3]);
            return;
        };
        if micros <= best[0].micros || now.since(best[2].at) > self.window {
            self.best = Some([new; 3]);
            return;
        }
        if micros <= best[1].micros {
            best[1] = new;
            best[2] = new;
        } else if micros <= best[2].micros {
            best[2] = new;
        }
        self.best = Some(self.aged(best, new));
    }

    /// Moves the runners-up forward as the best grows old.
    fn aged(&self, mut best: [Sample; 3], new: Sample) -> [Sample; 3] {
        let age = new.at.since(best[0].at);
        if age > self.window {
            best = [best[1], best[2], new];
            if new.at.since(best[0].at) > self.window {
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
    use super::*;

    #[test]
    fn the_minimum_is_forgotten_after_the_window_and_replaced_by_a_recent_one() {
        let mut filter = MinFilter::new(Duration::from_secs(10));
        filter.add(50, Time::from_millis(0));
        for second in 1..=9 {
            filter.add(100 + second, Time::from_millis(second * 1_000));
            assert_eq!(filter.micros(), Some(50));
        }
        filter.add(120, Time::from_millis(10_500));
        let least = filter.micros().expect("there are samples");
        assert!((101..=120).contains(&least), "{least} is no recent sample");
        filter.add(40, Time::from_millis(10_600));
        assert_eq!(filter.micros(), Some(40));
    }
}
