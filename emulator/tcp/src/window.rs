//! The window offered to the peer, and how it grows (RFC 9293 §3.8.6, RFC 7323 §2, Linux's receive autotuning).

use core::time::Duration;

use sluice_shared::time::Time;

/// How much the peer may send: never less than was promised, never more than there is room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiveWindow {
    /// What was offered last, and the offset from which it counts.
    offered: u64,
    offered_from: u64,
    /// What is offered at most at present: it opens with the data that arrives (`rcv_ssthresh`).
    threshold: u64,
    /// Room for data, which autotuning enlarges up to its maximum.
    capacity: u64,
    max_capacity: u64,
    /// By how many bits the window field is shifted.
    scale: u8,
    tuning: Tuning,
}

/// Dynamic right-sizing: the application's rate of reading, once a round trip.
#[derive(Clone, Copy, Debug, Default)]
struct Tuning {
    /// Eight times the smoothed round trip, in microseconds; zero before the first sample.
    rtt_times_8: u64,
    /// Bytes read in the best round trip so far.
    best_read: u64,
    /// Bytes read since `since`.
    read: u64,
    since: Time,
}

impl ReceiveWindow {
    pub(crate) fn new(initial: u64, max_capacity: u64, segment_bytes: u64, now: Time) -> Self {
        let initial = initial.min(max_capacity);
        Self {
            offered: initial,
            offered_from: 1,
            threshold: initial,
            capacity: initial,
            max_capacity,
            scale: scale_for(max_capacity),
            tuning: Tuning { best_read: initial.min(10 * segment_bytes), since: now, ..Tuning::default() },
        }
    }

    /// By how many bits the window field is shifted; `None` where the peer does not scale.
    pub(crate) fn set_scaling(&mut self, is_agreed: bool) {
        if !is_agreed {
            self.scale = 0;
        }
    }

    pub(crate) const fn scale(&self) -> u8 {
        self.scale
    }

    /// The window to put into a segment that acknowledges up to `next`, with `buffered` bytes unread.
    pub(crate) fn offer(&mut self, next: u64, buffered: u64, segment_bytes: u64) -> u64 {
        let promised = self.left(next);
        let unit = 1_u64 << self.scale;
        let wanted = self.wanted(buffered, segment_bytes).next_multiple_of(unit);
        let most = u64::from(u16::MAX) << self.scale;
        self.offered = wanted.max(promised.next_multiple_of(unit)).min(most);
        self.offered_from = next;
        self.offered
    }

    /// What is left of the last offer at `next`.
    pub(crate) const fn left(&self, next: u64) -> u64 {
        (self.offered_from + self.offered).saturating_sub(next)
    }

    /// The last offer.
    pub(crate) const fn offered(&self) -> u64 {
        self.offered
    }

    /// Up to which offset everything was acknowledged by the last segment that left (Linux's `rcv_wup`).
    pub(crate) const fn offered_from(&self) -> u64 {
        self.offered_from
    }

    pub(crate) const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// What the window should be (RFC 9293 §3.8.6.2.2, against windows of a few bytes).
    pub(crate) fn wanted(&self, buffered: u64, segment_bytes: u64) -> u64 {
        let free = self.capacity.saturating_sub(buffered);
        if self.is_half_full(buffered)
            && (free < self.capacity >> 4 || free < segment_bytes.min(self.capacity))
        {
            return 0;
        }
        free.min(self.threshold)
    }

    /// Whether so much is unread that acknowledgments are no longer hurried.
    pub(crate) const fn is_half_full(&self, buffered: u64) -> bool {
        self.capacity.saturating_sub(buffered) < self.capacity / 2
    }

    /// Opens the window with data that arrived; says whether it grew.
    pub(crate) fn on_data(&mut self, bytes: u64, growth: u64, buffered: u64) -> bool {
        let room = self.capacity.min(self.capacity.saturating_sub(buffered)).saturating_sub(self.threshold);
        // A tiny packet takes more memory than it fills.
        if room == 0 || bytes < 128 {
            return false;
        }
        self.threshold += growth.max(2 * bytes).min(room);
        true
    }

    /// Takes a sample of the round trip from a timestamp that came back with data.
    pub(crate) fn on_rtt_sample(&mut self, sample: Duration) {
        let micros = sluice_shared::time::micros(sample);
        let smoothed = &mut self.tuning.rtt_times_8;
        *smoothed = if *smoothed == 0 { micros << 3 } else { *smoothed + micros - (*smoothed >> 3) };
    }

    /// The smoothed round trip as the receiver sees it, or `None` before the first sample.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        (self.tuning.rtt_times_8 != 0).then(|| Duration::from_micros(self.tuning.rtt_times_8 >> 3))
    }

    /// Notes `bytes` read, and makes room for twice as much as was read in a round trip (`tcp_rcv_space_adjust`).
    pub(crate) fn on_read(&mut self, bytes: u64, segment_bytes: u64, now: Time) {
        let tuning = &mut self.tuning;
        tuning.read += bytes;
        if tuning.rtt_times_8 == 0 || now.since(tuning.since) < Duration::from_micros(tuning.rtt_times_8 >> 3)
        {
            return;
        }
        if tuning.read > tuning.best_read {
            let wanted = 2 * tuning.read + 16 * segment_bytes;
            let growth = wanted * (tuning.read - tuning.best_read) / tuning.best_read.max(1);
            let capacity = (wanted + 2 * growth).min(self.max_capacity);
            self.capacity = self.capacity.max(capacity);
            tuning.best_read = tuning.read;
        }
        tuning.read = 0;
        tuning.since = now;
    }
}

/// The shift with which 16 bits reach `bytes`: what Linux picks for its largest buffer of twice that.
fn scale_for(bytes: u64) -> u8 {
    let shift = (2 * bytes).max(1).ilog2().saturating_sub(15).min(14);
    u8::try_from(shift).unwrap_or(14)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 3 << 20;

    #[test]
    fn the_scale_is_that_of_linux_with_its_default_buffers() {
        assert_eq!(ReceiveWindow::new(65_535, MAX, 1_448, Time::ZERO).scale(), 7);
    }

    #[test]
    fn a_promise_is_kept_and_a_full_buffer_closes_the_window() {
        let mut window = ReceiveWindow::new(65_535, MAX, 1_448, Time::ZERO);
        assert_eq!(window.offer(1, 0, 1_448), 65_536);
        // 60,000 bytes arrive and are not read: what was promised stays promised.
        assert_eq!(window.offer(60_001, 60_000, 1_448), 5_632);
        // In units of 128 bytes a promise is rounded up, so the right edge never moves back.
        assert_eq!(window.offer(65_633, 65_632, 1_448), 0);
        assert_eq!(window.offer(65_633, 0, 1_448), 65_536);
    }

    #[test]
    fn reading_fast_makes_room_for_two_round_trips() {
        let mut window = ReceiveWindow::new(65_535, MAX, 1_448, Time::ZERO);
        window.on_rtt_sample(Duration::from_millis(100));
        window.on_read(60_000, 1_448, Time::from_millis(50));
        assert_eq!(window.capacity(), 65_535, "a round trip is not over");
        window.on_read(60_000, 1_448, Time::from_millis(101));
        assert!(window.capacity() > 240_000, "{}", window.capacity());
        for round in 2..10 {
            window.on_read(10_000_000, 1_448, Time::from_millis(round * 101));
        }
        assert_eq!(window.capacity(), MAX);
    }
}
