//! Comparison of two lanes by median, 99th percentile and stalls together.
//! Used by the findings about latency. Differences within the noise of browsers and machine count as none.

use super::snapshot::{LaneSnapshot, Latency};

/// Minimum ratio that counts as a difference.
const DIFFERENT: f64 = 1.25;
/// Minimum absolute difference, microseconds; clocks and timers of browsers are no finer.
const SMALLEST_DIFFERENCE_MICROS: u64 = 500;
/// Minimum absolute difference of 99th percentiles, microseconds: one message in a hundred waits for a core
/// that other threads keep for one tick of the scheduler (Linux at 250 Hz).
const SMALLEST_TAIL_DIFFERENCE_MICROS: u64 = 4_000;
/// Time that threads wait for a core on a saturated machine, microseconds.
const SCHEDULING_MICROS: u64 = 20_000;

/// Lane with enough messages for a comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct MeasuredLane<'a> {
    pub(super) at: usize,
    pub(super) lane: &'a LaneSnapshot,
    pub(super) latency: Latency,
}

/// Better one of two lanes by one measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Better {
    First,
    Second,
    Neither,
}

/// Result of comparing two lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) p50: Better,
    pub(super) p99: Better,
    pub(super) stalls: Better,
    /// Largest ratio of all measures that differ; 1 if none does.
    pub(super) ratio: f64,
}

/// Joint result of all measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    First,
    Second,
    /// Measures point in different directions.
    Mixed,
    Alike,
}

impl Comparison {
    /// Compares two lanes, measured on a machine that `is_saturated` or not.
    pub(super) fn new(first: &MeasuredLane<'_>, second: &MeasuredLane<'_>, is_saturated: bool) -> Self {
        let smallest = |normally: u64| if is_saturated { SCHEDULING_MICROS } else { normally };
        let (median, tail) =
            (smallest(SMALLEST_DIFFERENCE_MICROS), smallest(SMALLEST_TAIL_DIFFERENCE_MICROS));
        let p50 = spans(first.latency.p50_micros, second.latency.p50_micros, median);
        let p99s = first.latency.p99().zip(second.latency.p99());
        let p99 = p99s.map(|(first, second)| spans(first, second, tail));
        let stalls = first.lane.stalls.zip(second.lane.stalls).map(|(first, second)| counts(first, second));
        let none = (Better::Neither, 1.0);
        let all = [p50, p99.unwrap_or(none), stalls.unwrap_or(none)];
        Self {
            p50: all[0].0,
            p99: all[1].0,
            stalls: all[2].0,
            ratio: all.iter().map(|(_, ratio)| *ratio).fold(1.0, f64::max),
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        let all = [self.p50, self.p99, self.stalls];
        match (all.contains(&Better::First), all.contains(&Better::Second)) {
            (true, true) => Outcome::Mixed,
            (true, false) => Outcome::First,
            (false, true) => Outcome::Second,
            (false, false) => Outcome::Alike,
        }
    }

    /// True if typical messages are alike and late ones differ.
    pub(super) fn is_by_tail(&self) -> bool {
        self.p50 == Better::Neither && self.p99 != Better::Neither
    }

    /// True if only stalls differ.
    pub(super) fn is_by_stalls(&self) -> bool {
        self.p50 == Better::Neither && self.p99 == Better::Neither && self.stalls != Better::Neither
    }
}

fn spans(first: u64, second: u64, smallest_difference: u64) -> (Better, f64) {
    better(first, second, first.abs_diff(second) >= smallest_difference)
}

/// Compares counts of rare events: their difference must exceed two standard deviations of chance.
fn counts(first: u64, second: u64) -> (Better, f64) {
    let difference = first.abs_diff(second) as f64;
    better(first, second, difference * difference >= 4.0 * (first as f64 + second as f64))
}

fn better(first: u64, second: u64, is_large_enough: bool) -> (Better, f64) {
    let ratio = first.max(second) as f64 / first.min(second).max(1) as f64;
    if !is_large_enough || first == second || ratio < DIFFERENT {
        (Better::Neither, 1.0)
    } else if first < second {
        (Better::First, ratio)
    } else {
        (Better::Second, ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_of_five_quarters_is_a_difference() {
        assert_eq!(spans(100_000, 125_000, SMALLEST_DIFFERENCE_MICROS), (Better::First, 1.25));
        assert_eq!(spans(124_000, 100_000, SMALLEST_DIFFERENCE_MICROS), (Better::Neither, 1.0));
    }

    #[test]
    fn a_saturated_machine_hides_what_its_scheduler_may_have_done() {
        assert_eq!(spans(1_000, 20_000, SCHEDULING_MICROS).0, Better::Neither);
        assert_eq!(spans(1_000, 40_000, SCHEDULING_MICROS).0, Better::First);
    }

    #[test]
    fn less_than_a_timer_resolves_is_no_difference() {
        assert_eq!(spans(100, 300, SMALLEST_DIFFERENCE_MICROS).0, Better::Neither);
        assert_eq!(spans(100, 600, SMALLEST_DIFFERENCE_MICROS).0, Better::First);
    }

    #[test]
    fn a_few_stalls_more_are_chance_and_many_are_not() {
        assert_eq!(counts(0, 3).0, Better::Neither);
        assert_eq!(counts(0, 4).0, Better::First);
        assert_eq!(counts(10, 16).0, Better::Neither);
        assert_eq!(counts(31, 4).0, Better::Second);
        assert_eq!(counts(0, 0).0, Better::Neither);
    }
}
