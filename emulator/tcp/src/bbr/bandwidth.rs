//! Rates in fixed point, and what follows from one.

use core::cmp::Reverse;
use core::time::Duration;

use sluice_shared::time::micros;

use crate::min_filter::MinFilter;

/// Bits behind the point of a [`Bandwidth`].
const BANDWIDTH_BITS: u32 = 24;
/// Bits behind the point of a [`Gain`].
const GAIN_BITS: u32 = 8;
/// The pace stays one percent below the bandwidth, so that a queue does not build up for rounding.
const PACED_PERCENT: u128 = 99;
const MICROS_PER_SEC: u128 = 1_000_000;
/// The maximum is that of the last ten round trips: a whole cycle of gains and two more.
const FILTER_ROUNDS: u64 = 10;

/// A factor, times 2⁸.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gain(u64);

impl Gain {
    pub(super) const ONE: Self = Self(1 << GAIN_BITS);
    /// 2 / ln 2: the least gain that doubles the rate each round trip.
    pub(super) const HIGH: Self = Self((1 << GAIN_BITS) * 2_885 / 1_000 + 1);
    /// The inverse of [`Self::HIGH`]: drains in one round trip what that queued.
    pub(super) const DRAIN: Self = Self((1 << GAIN_BITS) * 1_000 / 2_885);
    /// Room for acknowledgments that are put off.
    pub(super) const WINDOW: Self = Self(2 << GAIN_BITS);
    pub(super) const PROBE_UP: Self = Self((1 << GAIN_BITS) * 5 / 4);
    pub(super) const PROBE_DOWN: Self = Self((1 << GAIN_BITS) * 3 / 4);
}

/// Packets in a microsecond, times 2²⁴.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bandwidth(u64);

impl Bandwidth {
    /// `packets` in `span`.
    pub(super) fn of(packets: u64, span: Duration) -> Self {
        Self((packets << BANDWIDTH_BITS) / micros(span).max(1))
    }

    pub(super) const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn abs_diff(self, other: Self) -> Self {
        Self(self.0.abs_diff(other.0))
    }

    pub(super) const fn midpoint(self, other: Self) -> Self {
        Self(u64::midpoint(self.0, other.0))
    }

    /// This bandwidth with `gain`.
    pub(super) const fn times(self, gain: Gain) -> Self {
        Self(self.0.saturating_mul(gain.0) >> GAIN_BITS)
    }

    /// This over `parts`.
    pub(super) const fn over(self, parts: u64) -> Self {
        Self(self.0 / parts)
    }

    /// Whole packets in `span`.
    pub(super) fn packets_in(self, span: Duration) -> u64 {
        self.0.saturating_mul(micros(span)) >> BANDWIDTH_BITS
    }

    /// Packets that the path holds with `gain` at a round trip of `rtt`, rounded up.
    pub(super) fn product(self, rtt: Duration, gain: Gain) -> u64 {
        let scaled = self.0.saturating_mul(micros(rtt)).saturating_mul(gain.0) >> GAIN_BITS;
        scaled.div_ceil(1 << BANDWIDTH_BITS)
    }

    /// Bytes in a second with `gain` and the margin of pacing, in packets of `segment_bytes`.
    pub(super) fn pacing_rate(self, gain: Gain, segment_bytes: u64) -> u64 {
        let scaled = (u128::from(self.0) * u128::from(segment_bytes) * u128::from(gain.0)) >> GAIN_BITS;
        let rate = (scaled * (MICROS_PER_SEC / 100 * PACED_PERCENT)) >> BANDWIDTH_BITS;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

/// The greatest bandwidth of the last round trips.
#[derive(Clone, Copy, Debug)]
pub(super) struct MaxBandwidth {
    filter: MinFilter<Reverse<Bandwidth>>,
}

impl MaxBandwidth {
    pub(super) const fn new() -> Self {
        Self { filter: MinFilter::new(FILTER_ROUNDS) }
    }

    pub(super) fn add(&mut self, sample: Bandwidth, round: u64) {
        self.filter.add(Reverse(sample), round);
    }

    /// Nothing before the first sample.
    pub(super) fn get(&self) -> Bandwidth {
        self.filter.get().map_or_else(Bandwidth::default, |Reverse(bandwidth)| bandwidth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bandwidth_gives_packets_bytes_and_windows() {
        // 10 Mbit/s in packets of 1,448 bytes are 863 packets a second.
        let bandwidth = Bandwidth::of(863, Duration::from_secs(1));
        assert_eq!(bandwidth.packets_in(Duration::from_millis(100)), 86);
        assert_eq!(bandwidth.product(Duration::from_millis(50), Gain::ONE), 44);
        assert_eq!(bandwidth.product(Duration::from_millis(50), Gain::WINDOW), 87);
        let rate = bandwidth.pacing_rate(Gain::ONE, 1_448);
        assert!(rate.abs_diff(863 * 1_448 * 99 / 100) < 200, "{rate}");
    }

    #[test]
    fn gains_are_those_of_linux() {
        assert_eq!((Gain::HIGH.0, Gain::DRAIN.0), (739, 88));
        assert_eq!((Gain::PROBE_UP.0, Gain::PROBE_DOWN.0, Gain::WINDOW.0), (320, 192, 512));
    }

    #[test]
    fn the_maximum_is_forgotten_after_ten_round_trips() {
        let bandwidth = |packets| Bandwidth::of(packets, Duration::from_millis(1));
        let mut max = MaxBandwidth::new();
        max.add(bandwidth(9), 1);
        (2..=11).for_each(|round| max.add(bandwidth(5), round));
        assert_eq!(max.get(), bandwidth(9));
        max.add(bandwidth(5), 12);
        assert_eq!(max.get(), bandwidth(5));
    }
}
