//! Carrying one clock's times to another.

use core::time::Duration;
use std::collections::VecDeque;

use crate::time::{Time, micros};

/// The offset between this clock and a peer's, from heartbeats.
///
/// A round trip tells the offset to within half of itself, so the fastest of the recent ones tells it best (the
/// clock filter of NTP, RFC 5905 §10).
#[derive(Clone, Debug, Default)]
pub struct ClockFilter {
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Time,
    rtt: Duration,
    offset_micros: i64,
}

impl ClockFilter {
    /// How long a round trip counts.
    const MEMORY: Duration = Duration::from_secs(30);
    /// Most round trips remembered.
    const MOST: usize = 64;
    /// How many tell the path: one that met a queue does not, four in a row that did are the path.
    const FEW: usize = 4;

    /// Learns from a heartbeat that left at `sent_at`, was answered at `peer_at` on the peer's clock, and is back `now`.
    pub fn handle_round_trip(&mut self, sent_at: Time, peer_at: Time, now: Time) {
        let rtt = now.since(sent_at);
        let middle = sent_at + rtt / 2;
        self.samples.push_back(Sample { at: now, rtt, offset_micros: difference(peer_at, middle) });
        while self.samples.len() > Self::MOST
            || self.samples.front().is_some_and(|oldest| now.since(oldest.at) > Self::MEMORY)
        {
            self.samples.pop_front();
        }
    }

    /// The peer's clock minus this one, microseconds; `None` before the first heartbeat.
    pub fn offset_micros(&self) -> Option<i64> {
        self.fastest().map(|sample| sample.offset_micros)
    }

    /// The fastest recent round trip.
    pub fn min_rtt(&self) -> Option<Duration> {
        self.fastest().map(|sample| sample.rtt)
    }

    /// The fastest of the last few round trips: what the path takes now, also when it has become slower.
    pub fn path_rtt(&self) -> Option<Duration> {
        self.samples.iter().rev().take(Self::FEW).map(|sample| sample.rtt).min()
    }

    /// The latest round trip.
    pub fn last_rtt(&self) -> Option<Duration> {
        self.samples.back().map(|sample| sample.rtt)
    }

    /// A time of the peer's clock on this one; unchanged before the first heartbeat.
    pub fn local_from_peer(&self, peer: Time) -> Time {
        peer.shifted_by_micros(self.offset_micros().unwrap_or(0).saturating_neg())
    }

    fn fastest(&self) -> Option<Sample> {
        self.samples.iter().copied().min_by_key(|sample| sample.rtt)
    }
}

/// `a − b` in microseconds.
fn difference(a: Time, b: Time) -> i64 {
    let signed = |span: Duration| i64::try_from(micros(span)).unwrap_or(i64::MAX);
    if a >= b { signed(a.since(b)) } else { -signed(b.since(a)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_fastest_round_trip_decides_the_offset() {
        let mut filter = ClockFilter::default();
        let peer = |local_ms: u64| Time::from_millis(local_ms + 5_000);
        // 40 ms there and 2 ms back looks 19 ms wrong; 1 ms each way is right.
        filter.handle_round_trip(Time::from_millis(0), peer(40), Time::from_millis(42));
        filter.handle_round_trip(Time::from_millis(100), peer(101), Time::from_millis(102));
        assert_eq!(filter.offset_micros(), Some(5_000_000));
        assert_eq!(filter.min_rtt(), Some(Duration::from_millis(2)));
        assert_eq!(filter.local_from_peer(peer(777)), Time::from_millis(777));
    }

    #[test]
    fn a_path_that_becomes_slower_is_known_before_the_old_one_is_forgotten() {
        let mut filter = ClockFilter::default();
        let mut beat = |at_ms: u64, rtt_ms: u64| {
            filter.handle_round_trip(Time::from_millis(at_ms), Time::ZERO, Time::from_millis(at_ms + rtt_ms));
            filter.path_rtt().map(|rtt| rtt.as_millis())
        };
        assert_eq!(beat(0, 2), Some(2));
        assert_eq!([beat(1_000, 100), beat(2_000, 100), beat(3_000, 100)], [Some(2); 3]);
        assert_eq!(beat(4_000, 100), Some(100));
        assert_eq!(filter.min_rtt(), Some(Duration::from_millis(2)), "the offset still goes by the fastest");
    }

    #[test]
    fn an_old_round_trip_is_forgotten() {
        let mut filter = ClockFilter::default();
        filter.handle_round_trip(Time::ZERO, Time::ZERO, Time::from_millis(1));
        filter.handle_round_trip(Time::from_millis(40_000), Time::ZERO, Time::from_millis(40_010));
        assert_eq!(filter.min_rtt(), Some(Duration::from_millis(10)));
    }
}
