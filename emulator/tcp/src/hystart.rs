//! HyStart: leaves slow start before the queue overflows (as in Linux's `tcp_cubic.c`; RFC 9406 §1 names the original).

use core::time::Duration;

use sluice_shared::time::Time;

/// Smallest window in packets at which slow start is watched.
const LOW_WINDOW_PACKETS: u64 = 16;
/// Acknowledgments closer together than this belong to one train.
const TRAIN_GAP: Duration = Duration::from_millis(2);
/// What Linux adds to the least delay for acknowledgments that wait in a network card, at rates below 2 Gbit/s.
const ACK_DELAY: Duration = Duration::from_millis(1);
/// Samples of a round before its least delay is judged.
const MIN_SAMPLES: u32 = 8;

/// Watches the acknowledgments of slow start for two signs of a full pipe: a train of them that lasts half the least
/// round trip, and a round trip that has grown by an eighth (at least 4 ms, at most 16 ms).
///
/// Linux's kernel has these two, not the conservative phase of RFC 9406.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HyStart {
    round: Option<Round>,
    min_delay: Option<Duration>,
    has_found: bool,
}

#[derive(Clone, Copy, Debug)]
struct Round {
    /// The round ends when more than this offset is acknowledged.
    end: u64,
    started_at: Time,
    last_ack_at: Time,
    least_delay: Option<Duration>,
    samples: u32,
}

/// Where the connection stands when an acknowledgment came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HyStartAck {
    pub(crate) rtt: Duration,
    pub(crate) cwnd: u64,
    pub(crate) is_in_slow_start: bool,
    /// Offsets up to which everything is acknowledged and sent.
    pub(crate) acked: u64,
    pub(crate) next: u64,
}

impl HyStart {
    /// Forgets everything, as after a timeout.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// The least delay seen since the last timeout.
    pub(crate) const fn min_delay(&self) -> Option<Duration> {
        self.min_delay
    }

    /// Takes a sample of delay, and says whether slow start should end here.
    pub(crate) fn on_ack(&mut self, ack: HyStartAck, now: Time) -> bool {
        let min_delay = self.min_delay.map_or(ack.rtt, |min| min.min(ack.rtt));
        self.min_delay = Some(min_delay);
        if self.has_found || !ack.is_in_slow_start {
            return false;
        }
        let round = match &mut self.round {
            Some(round) if ack.acked <= round.end => round,
            over => over.insert(Round {
                end: ack.next,
                started_at: now,
                last_ack_at: now,
                least_delay: None,
                samples: 0,
            }),
        };
        if ack.cwnd < LOW_WINDOW_PACKETS {
            return false;
        }
        self.has_found = round.is_train_long(min_delay, now) | round.has_delay_grown(ack.rtt, min_delay);
        self.has_found
    }
}

impl Round {
    fn is_train_long(&mut self, min_delay: Duration, now: Time) -> bool {
        if now.since(self.last_ack_at) > TRAIN_GAP {
            return false;
        }
        self.last_ack_at = now;
        now.since(self.started_at) > (min_delay + ACK_DELAY) / 2
    }

    fn has_delay_grown(&mut self, rtt: Duration, min_delay: Duration) -> bool {
        let least = self.least_delay.map_or(rtt, |least| least.min(rtt));
        self.least_delay = Some(least);
        if self.samples < MIN_SAMPLES {
            self.samples += 1;
            return false;
        }
        let allowance = (min_delay / 8).clamp(Duration::from_millis(4), Duration::from_millis(16));
        least > min_delay + allowance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(rtt_millis: u64, acked: u64) -> HyStartAck {
        let rtt = Duration::from_millis(rtt_millis);
        HyStartAck { rtt, cwnd: 64, is_in_slow_start: true, acked, next: acked + 10_000 }
    }

    #[test]
    fn a_round_whose_least_delay_has_grown_ends_slow_start() {
        let mut hystart = HyStart::default();
        assert!(!hystart.on_ack(ack(40, 1), Time::ZERO));
        let mut found_at = None;
        for i in 0..20_u64 {
            let now = Time::from_millis(10 + 3 * i);
            if hystart.on_ack(ack(46, 20_000 + i), now) {
                found_at = Some(i);
                break;
            }
        }
        assert_eq!(found_at, Some(8), "eight samples are gathered before the ninth is judged");
    }

    #[test]
    fn a_train_as_long_as_half_a_round_trip_ends_slow_start() {
        let mut hystart = HyStart::default();
        let mut found_at = None;
        for millis in 0..60_u64 {
            if hystart.on_ack(ack(40, 1 + millis), Time::from_millis(millis)) {
                found_at = Some(millis);
                break;
            }
        }
        assert_eq!(found_at, Some(21));
    }

    #[test]
    fn a_small_window_is_left_alone() {
        let mut hystart = HyStart::default();
        for millis in 0..60_u64 {
            let small = HyStartAck { cwnd: 15, ..ack(40 + millis, 1 + millis) };
            assert!(!hystart.on_ack(small, Time::from_millis(millis)));
        }
    }
}
