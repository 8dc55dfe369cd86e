//! Round-trip time and the retransmission timeout (RFC 6298, as Linux refines it).

use core::time::Duration;

use sluice_shared::time::{Time, micros};

use crate::min_filter::MinFilter;

/// For how many microseconds a least round trip counts (`tcp_min_rtt_wlen`).
const MIN_RTT_WINDOW_MICROS: u64 = 300_000_000;
/// The timeout before the first sample (RFC 6298 §2.1).
pub(crate) const INITIAL_RTO: Duration = Duration::from_secs(1);

/// Smoothed round trip, its variance, and the timeout that follows, all in whole microseconds.
///
/// Linux differs from RFC 6298 in two ways that decide the timeout: the allowance for variance is at least 200 ms *on
/// top of* the smoothed round trip, and it falls at most once a round trip, by a quarter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RttEstimator {
    /// Eight times the smoothed round trip; zero before the first sample.
    smoothed_times_8: u64,
    /// Four times the mean deviation, and the largest of it in this round.
    deviation_times_4: u64,
    max_deviation_times_4: u64,
    /// The allowance for variance in the timeout.
    variance: u64,
    /// The round ends when this offset is acknowledged.
    round_end: u64,
    min: MinFilter<u64>,
    rto: Duration,
    min_rto: Duration,
    max_rto: Duration,
}

impl RttEstimator {
    pub(crate) const fn new(min_rto: Duration, max_rto: Duration) -> Self {
        Self {
            smoothed_times_8: 0,
            deviation_times_4: 0,
            max_deviation_times_4: 0,
            variance: 0,
            round_end: 0,
            min: MinFilter::new(MIN_RTT_WINDOW_MICROS),
            rto: INITIAL_RTO,
            min_rto,
            max_rto,
        }
    }

    /// Takes a sample into the estimate and sets the timeout from it, which ends any backoff (RFC 6298 §5.7).
    ///
    /// `acked` and `next` are the offsets up to which everything is acknowledged and sent.
    pub(crate) fn add(&mut self, sample: Duration, acked: u64, next: u64) {
        let sample = micros(sample).max(1);
        if self.smoothed_times_8 == 0 {
            self.smoothed_times_8 = sample << 3;
            self.deviation_times_4 = sample << 1;
            self.variance = self.deviation_times_4.max(micros(self.min_rto));
            self.max_deviation_times_4 = self.variance;
            self.round_end = next;
        } else {
            self.smooth(sample);
            if acked > self.round_end {
                self.variance -= self.variance.saturating_sub(self.max_deviation_times_4) >> 2;
                self.round_end = next;
                self.max_deviation_times_4 = micros(self.min_rto);
            }
        }
        let rto = Duration::from_micros((self.smoothed_times_8 >> 3) + self.variance);
        self.rto = rto.min(self.max_rto);
    }

    fn smooth(&mut self, sample: u64) {
        let smoothed = self.smoothed_times_8 >> 3;
        let error = sample.abs_diff(smoothed);
        let mean = self.deviation_times_4 >> 2;
        if sample >= smoothed {
            self.smoothed_times_8 += error;
            self.deviation_times_4 = self.deviation_times_4 + error - mean;
        } else {
            self.smoothed_times_8 = self.smoothed_times_8.saturating_sub(error).max(1);
            // A falling round trip must not raise the timeout as a rising one does: count it an eighth.
            let change = if error > mean { (error - mean) >> 3 } else { 0 };
            self.deviation_times_4 = self.deviation_times_4 + change - mean.saturating_sub(error);
        }
        if self.deviation_times_4 > self.max_deviation_times_4 {
            self.max_deviation_times_4 = self.deviation_times_4;
            self.variance = self.variance.max(self.max_deviation_times_4);
        }
    }

    /// Takes a sample for the least round trip.
    pub(crate) fn add_to_min(&mut self, sample: Duration, now: Time) {
        self.min.add(micros(sample).max(1), now.as_micros());
    }

    /// Doubles the timeout (RFC 6298 §5.5).
    pub(crate) fn back_off(&mut self) {
        self.rto = (self.rto * 2).min(self.max_rto);
    }

    pub(crate) const fn rto(&self) -> Duration {
        self.rto
    }

    pub(crate) const fn min_rto(&self) -> Duration {
        self.min_rto
    }

    pub(crate) const fn max_rto(&self) -> Duration {
        self.max_rto
    }

    /// The smoothed round trip, or `None` before the first sample.
    pub(crate) fn smoothed(&self) -> Option<Duration> {
        (self.smoothed_times_8 != 0).then(|| Duration::from_micros(self.smoothed_times_8 >> 3))
    }

    /// The allowance for variance in the timeout.
    pub(crate) const fn variance(&self) -> Duration {
        Duration::from_micros(self.variance)
    }

    /// The least round trip of five minutes, or `None` before the first sample.
    pub(crate) fn min(&self) -> Option<Duration> {
        self.min.get().map(Duration::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimator() -> RttEstimator {
        RttEstimator::new(Duration::from_millis(200), Duration::from_secs(120))
    }

    #[test]
    fn a_steady_round_trip_gives_itself_plus_200_ms() {
        let mut rtt = estimator();
        assert_eq!(rtt.rto(), Duration::from_secs(1));
        for round in 0..100 {
            rtt.add(Duration::from_millis(50), round + 1, round + 1);
        }
        assert_eq!(rtt.smoothed(), Some(Duration::from_millis(50)));
        assert_eq!(rtt.rto(), Duration::from_millis(250));
    }

    #[test]
    fn the_first_sample_allows_twice_itself_when_that_is_more_than_200_ms() {
        let mut rtt = estimator();
        rtt.add(Duration::from_millis(300), 1, 1);
        assert_eq!(rtt.rto(), Duration::from_millis(900));
    }

    #[test]
    fn backoff_doubles_up_to_two_minutes_and_a_sample_ends_it() {
        let mut rtt = estimator();
        for _ in 0..10 {
            rtt.back_off();
        }
        assert_eq!(rtt.rto(), Duration::from_secs(120));
        rtt.add(Duration::from_millis(100), 1, 1);
        assert_eq!(rtt.rto(), Duration::from_millis(300));
    }
}
