//! When the next packets may leave if they are to leave evenly (Linux's internal pacing, `tcp_output.c`).

use core::time::Duration;

use sluice_shared::time::Time;

/// Packets that leave at once at the start, as a window of ten always did.
const UNPACED_PACKETS: u64 = 10;
const NANOS_PER_SEC: u64 = 1_000_000_000;
const NANOS_PER_MICRO: u64 = 1_000;

/// A rate, and how many packets leave together at that rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Bytes of data in a second.
    pub(crate) bytes_per_sec: u64,
    /// Packets in one burst: about what leaves in a millisecond.
    pub(crate) burst_packets: u64,
}

/// Spaces bursts so that they keep a [`Pace`]; without one everything may always leave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacer {
    /// The next burst may leave then, in nanoseconds, since bursts at high rates are no whole microseconds apart.
    next_nanos: u64,
    sent_packets: u64,
    burst: Burst,
}

/// What leaves together.
#[derive(Clone, Copy, Debug, Default)]
struct Burst {
    /// By how much it was later than it might have been, in nanoseconds.
    late_nanos: u64,
    packets: u64,
    bytes: u64,
}

impl Pacer {
    /// Whether a burst that begins at `now` has to wait, and until when.
    pub(crate) fn wait_until(&self, now: Time) -> Option<Time> {
        let at = Time::from_micros(self.next_nanos.div_ceil(NANOS_PER_MICRO));
        (at > now).then_some(at)
    }

    /// How far ahead of `now` the next burst is scheduled.
    pub(crate) fn ahead(&self, now: Time) -> Duration {
        Duration::from_nanos(self.next_nanos.saturating_sub(nanos(now)))
    }

    /// Adds a packet of `bytes` to the burst that leaves at `now`.
    pub(crate) fn on_sent(&mut self, bytes: u64, now: Time) {
        if self.burst.packets == 0 {
            let start = self.next_nanos.max(nanos(now));
            self.burst.late_nanos = start - self.next_nanos;
            self.next_nanos = start;
        }
        self.burst.packets += 1;
        self.burst.bytes += bytes;
        self.sent_packets += 1;
    }

    /// Packets of the burst that is leaving.
    pub(crate) const fn packets_in_burst(&self) -> u64 {
        self.burst.packets
    }

    /// Ends the burst: the next one is due when `pace` has made up for it. Half of that time may be left out to make up
    /// for a burst that was late.
    pub(crate) fn end_burst(&mut self, pace: Option<Pace>) {
        let burst = core::mem::take(&mut self.burst);
        if let Some(pace) = pace.filter(|pace| pace.bytes_per_sec > 0)
            && self.sent_packets >= UNPACED_PACKETS
        {
            let nanos = burst.bytes.saturating_mul(NANOS_PER_SEC) / pace.bytes_per_sec;
            self.next_nanos = self.next_nanos.saturating_add(nanos - burst.late_nanos.min(nanos / 2));
        }
    }
}

const fn nanos(time: Time) -> u64 {
    time.as_micros().saturating_mul(NANOS_PER_MICRO)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1,448 bytes in 300 µs and a third.
    const PACE: Pace = Pace { bytes_per_sec: 4_821_309, burst_packets: 2 };

    /// When each of `count` packets leaves if one tries whenever it is allowed, but every time `late` too late.
    fn departures(count: u64, pace: Option<Pace>, late: Duration) -> Vec<u64> {
        let mut pacer = Pacer::default();
        let mut now = Time::from_millis(1);
        let mut times = Vec::new();
        while (times.len() as u64) < count {
            if let Some(at) = pacer.wait_until(now) {
                now = at + late;
            }
            for _ in 0..2 {
                pacer.on_sent(1_448, now);
                times.push(now.as_micros());
            }
            pacer.end_burst(pace);
        }
        times
    }

    #[test]
    fn the_first_ten_leave_at_once_and_the_rest_two_by_two_at_the_rate() {
        let times = departures(2_010, Some(PACE), Duration::ZERO);
        assert!(times[..10].iter().all(|at| *at == 1_000));
        assert_eq!((times[10], times[11], times[12]), (1_601, 1_601, 2_202));
        let seconds = (times[2_009] - times[9]) as f64 / 1e6;
        let rate = 2_000.0 * 1_448.0 / seconds;
        assert!((rate / 4_821_309.0 - 1.0).abs() < 1e-3, "rounding to microseconds does not add up: {rate}");
    }

    #[test]
    fn a_timer_that_is_late_does_not_slow_the_sender_down() {
        let times = departures(2_010, Some(PACE), Duration::from_micros(200));
        let rate = 2_000.0 * 1_448.0 / ((times[2_009] - times[9]) as f64 / 1e6);
        assert!((rate / 4_821_309.0 - 1.0).abs() < 1e-2, "{rate}");
    }

    #[test]
    fn without_a_pace_nothing_waits() {
        assert!(departures(100, None, Duration::ZERO).iter().all(|at| *at == 1_000));
    }
}
