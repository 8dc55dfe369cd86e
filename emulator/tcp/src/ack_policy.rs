//! When to acknowledge: at once, later, or with the next data (RFC 9293 §3.8.6.3, RFC 5681 §4.2, as Linux does it).

use core::time::Duration;

use sluice_shared::time::Time;

/// Linux's least and longest delays (`TCP_DELACK_MIN`, `TCP_ATO_MIN`, `TCP_DELACK_MAX`).
const MIN_DELAY: Duration = Duration::from_millis(40);
const MAX_DELAY: Duration = Duration::from_millis(200);
/// Longest delay for a peer that neither talks back nor pushes.
const MAX_BULK_DELAY: Duration = Duration::from_millis(500);
/// Acknowledgments sent at once at the start (`TCP_MAX_QUICKACKS`).
const MAX_QUICK: u64 = 16;
/// A peer's segments are taken to be at least this large until larger ones come (`TCP_MSS_DEFAULT`).
const DEFAULT_SEGMENT_BYTES: u64 = 536;
/// Bytes of a header with timestamps.
const HEADER_BYTES: u64 = 32;
/// Duplicate acknowledgments that are never held back, and how long others are (`tcp_comp_sack_delay_ns`, `_nr`).
const DUPLICATES_AT_ONCE: u32 = 3;
const MAX_COMPRESSION: Duration = Duration::from_millis(1);
const MAX_COMPRESSED: u32 = 44;

/// Decides when an acknowledgment leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckPolicy {
    /// Something that arrived is not acknowledged.
    is_scheduled: bool,
    /// The next acknowledgment must leave at once.
    is_immediate: bool,
    pushes: Pushes,
    delayed_until: Option<Time>,
    /// The peer's pace, from which the delay follows (`ato`); `None` before the first data.
    pace: Option<Duration>,
    /// Acknowledgments that are still sent at once.
    quick: u64,
    /// This side answers soon after it receives, so acknowledgments ride with the answers.
    is_interactive: bool,
    last_data_at: Time,
    /// The peer's segment size as seen (`rcv_mss`), and the size of the last small one.
    segment_bytes: u64,
    last_small: Option<u64>,
    compression: Compression,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pushes {
    No,
    Once,
    Again,
}

/// Duplicate acknowledgments are thinned while a gap stays open.
#[derive(Clone, Copy, Debug, Default)]
struct Compression {
    gap_at: u64,
    sent: u32,
    withheld: u32,
    until: Option<Time>,
}

/// Where the stream stands when it is to be decided whether to acknowledge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckSituation {
    /// Bytes received in order since the last acknowledgment left.
    pub(crate) unacknowledged: u64,
    /// The next offset that is missing.
    pub(crate) next: u64,
    pub(crate) has_gap: bool,
    /// Nothing is unread, or the window would not shrink.
    pub(crate) keeps_window: bool,
    /// The smoothed round trip of the sender in this endpoint, and the least of that and the receiver's own.
    pub(crate) smoothed_rtt: Option<Duration>,
    pub(crate) least_rtt: Option<Duration>,
}

impl AckPolicy {
    /// The policy before any data.
    pub(crate) const fn new() -> Self {
        Self {
            is_scheduled: false,
            is_immediate: false,
            pushes: Pushes::No,
            delayed_until: None,
            pace: None,
            quick: 0,
            is_interactive: false,
            last_data_at: Time::ZERO,
            segment_bytes: DEFAULT_SEGMENT_BYTES,
            last_small: None,
            compression: Compression { gap_at: 0, sent: 0, withheld: 0, until: None },
        }
    }

    /// The peer's segment size as seen.
    pub(crate) const fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    /// Something arrived that wants an acknowledgment, sooner or later.
    pub(crate) const fn schedule(&mut self) {
        self.is_scheduled = true;
    }

    /// The next acknowledgment leaves at once: a gap was filled (RFC 5681 §4.2).
    pub(crate) const fn hurry(&mut self) {
        self.is_immediate = true;
    }

    /// Data arrived in order.
    pub(crate) fn on_data(
        &mut self,
        bytes: u64,
        has_push: bool,
        max_segment: u64,
        window: u64,
        rto: Duration,
        now: Time,
    ) {
        self.is_scheduled = true;
        self.measure(bytes, has_push, max_segment);
        let gap = now.since(self.last_data_at);
        self.last_data_at = now;
        match self.pace {
            None => {
                self.add_quick(window);
                self.pace = Some(MIN_DELAY);
            }
            Some(pace) if gap <= MIN_DELAY / 2 => self.pace = Some(pace / 2 + MIN_DELAY / 2),
            Some(pace) if gap < pace => self.pace = Some((pace / 2 + gap).min(rto)),
            // The peer restarts after a silence, so its window is small: it needs to hear soon.
            Some(_) if gap > rto => self.add_quick(window),
            Some(_) => {}
        }
    }

    /// The peer repeats itself, or sends what cannot be: it needs to hear at once, for a while.
    pub(crate) fn enter_quick_mode(&mut self, window: u64) {
        self.add_quick(window);
        self.is_interactive = false;
        self.pace = Some(MIN_DELAY);
        self.is_scheduled = true;
    }

    /// The window is opening: one acknowledgment at least is not delayed.
    pub(crate) fn on_window_grown(&mut self) {
        self.quick |= 1;
    }

    /// Too much is unread to hurry.
    pub(crate) const fn stop_quick(&mut self) {
        self.quick = 0;
    }

    /// After something arrived: whether an acknowledgment leaves now; else it is put off.
    pub(crate) fn is_due_after_arrival(&mut self, at: AckSituation, now: Time) -> bool {
        if !self.is_scheduled {
            return false;
        }
        let has_full_segment = at.unacknowledged > self.segment_bytes && at.keeps_window;
        if has_full_segment || (self.quick > 0 && !self.is_interactive) || self.is_immediate {
            return true;
        }
        if at.has_gap { self.is_due_at_gap(at, now) } else { self.delay(at, now) }
    }

    /// After the application read: whether an acknowledgment leaves now, since nothing more will come to carry it.
    pub(crate) fn is_due_after_read(&self, unacknowledged: u64, is_all_read: bool) -> bool {
        let is_pushed = match self.pushes {
            Pushes::No => false,
            Pushes::Once => !self.is_interactive,
            Pushes::Again => true,
        };
        self.is_scheduled && (unacknowledged > self.segment_bytes || (is_pushed && is_all_read))
    }

    /// A segment with an acknowledgment left.
    pub(crate) fn on_ack_sent(&mut self) {
        if self.quick > 0 && self.is_scheduled {
            self.quick -= 1;
            if self.quick == 0 {
                self.pace = Some(MIN_DELAY);
            }
        }
        self.is_scheduled = false;
        self.is_immediate = false;
        self.pushes = Pushes::No;
        self.delayed_until = None;
        self.compression.withheld = 0;
        self.compression.until = None;
    }

    /// Data left at `now`: soon after some was received, it is an answer.
    pub(crate) fn on_data_sent(&mut self, now: Time) {
        if self.pace.is_some_and(|pace| now.since(self.last_data_at) < pace) {
            self.is_interactive = true;
        }
    }

    /// When [`Self::is_due_at_timeout`] should be asked, and what for.
    pub(crate) fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        let delayed = self.delayed_until.map(|at| (at, "delayed acknowledgment"));
        let compressed = self.compression.until.map(|at| (at, "withheld acknowledgment"));
        [delayed, compressed].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Whether the time for an acknowledgment that was put off has come.
    pub(crate) fn is_due_at_timeout(&mut self, rto: Duration, now: Time) -> bool {
        if self.compression.until.is_some_and(|until| until <= now) {
            self.compression.until = None;
            return self.compression.withheld > 0;
        }
        if self.delayed_until.is_none_or(|until| until > now) {
            return false;
        }
        self.delayed_until = None;
        // Nothing came to carry it: wait longer next time, or stop believing in answers.
        self.pace =
            if self.is_interactive { Some(MIN_DELAY) } else { self.pace.map(|pace| (pace * 2).min(rto)) };
        self.is_interactive = false;
        self.is_scheduled
    }

    /// Learns the peer's segment size, and notes pushes (`tcp_measure_rcv_mss`).
    fn measure(&mut self, bytes: u64, has_push: bool, max_segment: u64) {
        let last_small = self.last_small.take();
        if bytes >= self.segment_bytes {
            self.segment_bytes = bytes.min(max_segment);
            if has_push {
                self.pushes = self.pushes.max(Pushes::Once);
            }
            return;
        }
        let is_large_enough = bytes + HEADER_BYTES >= DEFAULT_SEGMENT_BYTES + 20;
        if is_large_enough || (bytes + HEADER_BYTES >= 108 && !has_push) {
            self.last_small = Some(bytes);
            if last_small == Some(bytes) {
                self.segment_bytes = bytes;
                return;
            }
        }
        self.pushes = if self.pushes == Pushes::No { Pushes::Once } else { Pushes::Again };
    }

    fn add_quick(&mut self, window: u64) {
        let segments = (window / (2 * self.segment_bytes)).max(2);
        self.quick = self.quick.max(segments.min(MAX_QUICK));
    }

    fn is_due_at_gap(&mut self, at: AckSituation, now: Time) -> bool {
        let compression = &mut self.compression;
        if compression.gap_at != at.next {
            compression.gap_at = at.next;
            compression.sent = 0;
        }
        if compression.sent < DUPLICATES_AT_ONCE {
            compression.sent += 1;
            return true;
        }
        if compression.withheld >= MAX_COMPRESSED {
            return true;
        }
        compression.withheld += 1;
        let delay = at.least_rtt.map_or(MAX_COMPRESSION, |rtt| (rtt / 20).min(MAX_COMPRESSION));
        compression.until.get_or_insert(now + delay);
        false
    }

    /// Puts the acknowledgment off (`tcp_send_delayed_ack`); says whether it is too late for that.
    fn delay(&mut self, at: AckSituation, now: Time) -> bool {
        let mut delay = self.pace.unwrap_or(MIN_DELAY);
        if delay > MIN_DELAY {
            let is_bulk = !self.is_interactive && self.pushes == Pushes::No;
            let longest = if is_bulk { MAX_BULK_DELAY } else { MAX_DELAY };
            let by_rtt = at.smoothed_rtt.map_or(longest, |rtt| rtt.max(MIN_DELAY));
            delay = delay.min(longest.min(by_rtt));
        }
        let delay = delay.min(MAX_DELAY);
        if let Some(until) = self.delayed_until {
            if until <= now + delay / 4 {
                return true;
            }
            self.delayed_until = Some(until.min(now + delay));
        } else {
            self.delayed_until = Some(now + delay);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTO: Duration = Duration::from_millis(300);

    fn situation(unacknowledged: u64) -> AckSituation {
        AckSituation {
            unacknowledged,
            next: 1,
            has_gap: false,
            keeps_window: true,
            smoothed_rtt: Some(Duration::from_millis(100)),
            least_rtt: Some(Duration::from_millis(100)),
        }
    }

    fn arrive(policy: &mut AckPolicy, bytes: u64, has_push: bool, now: Time) {
        policy.on_data(bytes, has_push, 1_448, 65_535, RTO, now);
    }

    #[test]
    fn the_first_sixteen_segments_are_acknowledged_at_once_and_then_every_second() {
        let mut policy = AckPolicy::new();
        let mut at_once = 0;
        for i in 0..40 {
            let now = Time::from_millis(i);
            arrive(&mut policy, 1_448, false, now);
            if policy.is_due_after_arrival(situation(1_448), now) {
                policy.on_ack_sent();
                at_once += 1;
            } else {
                assert!(policy.is_due_after_arrival(situation(2_896), now), "the second one is due");
                policy.on_ack_sent();
            }
        }
        assert_eq!(at_once, 16);
    }

    #[test]
    fn a_lone_segment_waits_forty_milliseconds() {
        let mut policy = AckPolicy::new();
        for i in 0..60 {
            let now = Time::from_millis(i);
            arrive(&mut policy, 1_448, false, now);
            if policy.is_due_after_arrival(situation(1_448), now) {
                policy.on_ack_sent();
            }
        }
        let (at, reason) = policy.poll_timeout().expect("one is put off");
        assert_eq!(reason, "delayed acknowledgment");
        assert!(!policy.is_due_at_timeout(RTO, at - Duration::from_micros(1)));
        assert!(policy.is_due_at_timeout(RTO, at));
        assert_eq!(policy.pace, Some(Duration::from_millis(80)));
    }

    #[test]
    fn a_reader_that_takes_a_small_pushed_message_acknowledges_it_unless_it_answers() {
        let mut policy = AckPolicy::new();
        policy.pace = Some(MIN_DELAY);
        arrive(&mut policy, 200, true, Time::from_millis(5));
        assert!(!policy.is_due_after_arrival(situation(200), Time::from_millis(5)));
        assert!(policy.is_due_after_read(200, true));
        policy.on_data_sent(Time::from_millis(6));
        assert!(!policy.is_due_after_read(200, true), "an answer will carry it");
        arrive(&mut policy, 200, true, Time::from_millis(10));
        assert!(policy.is_due_after_read(400, true), "two have waited");
    }

    #[test]
    fn three_duplicates_leave_at_once_and_the_rest_are_thinned_to_one_a_millisecond() {
        let mut policy = AckPolicy::new();
        let mut sent = 0;
        for i in 0..10 {
            policy.schedule();
            let at = AckSituation { has_gap: true, ..situation(0) };
            if policy.is_due_after_arrival(at, Time::from_micros(i)) {
                policy.on_ack_sent();
                sent += 1;
            }
        }
        assert_eq!(sent, 3);
        let (at, _) = policy.poll_timeout().expect("some are withheld");
        assert_eq!(at, Time::from_micros(1_003));
        assert!(policy.is_due_at_timeout(RTO, at));
    }
}
