//! RACK: a packet is lost when one that was sent later has arrived, and enough time has passed (RFC 8985 §6).

use core::time::Duration;

use sluice_shared::time::Time;

use crate::rtt::RttEstimator;
use crate::scoreboard::{Scoreboard, Sent};

/// Duplicate acknowledgments that tell of loss (RFC 5681), and the reordering that a path starts with, in packets.
const DEFAULT_REORDERING: u64 = 3;
/// The most reordering that is remembered, in packets (`tcp_max_reordering`).
const MAX_REORDERING: u64 = 300;
/// Recoveries for which a widened window stays (RFC 8985 §6.2 step 4).
const PERSIST_RECOVERIES: u32 = 16;
/// Linux's least timer (`TCP_TIMEOUT_MIN`).
pub(crate) const MIN_TIMEOUT: Duration = Duration::from_millis(2);

/// The newest delivery, and how much reordering is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rack {
    /// When the newest delivered packet left, and its end.
    newest: (Time, u64),
    /// That packet's round trip.
    rtt: Duration,
    /// Something was delivered since loss was last looked for.
    has_advanced: bool,
    has_seen_reordering: bool,
    /// How far packets overtake each other, in packets.
    reordering: u64,
    /// The window is this many quarters of the least round trip.
    window_steps: u32,
    window_persists: u32,
    has_seen_duplicate: bool,
    /// Packets delivered when the window was last widened.
    widened_at_delivered: u64,
}

impl Default for Rack {
    fn default() -> Self {
        Self {
            newest: (Time::ZERO, 0),
            rtt: Duration::ZERO,
            has_advanced: false,
            has_seen_reordering: false,
            reordering: DEFAULT_REORDERING,
            window_steps: 1,
            window_persists: 0,
            has_seen_duplicate: false,
            widened_at_delivered: 0,
        }
    }
}

/// What a search for lost packets found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Detected {
    /// Packets newly held lost, retransmissions among them.
    pub(crate) lost: u64,
    /// How long until the last packet in doubt would be held lost.
    pub(crate) look_again_after: Option<Duration>,
}

impl Rack {
    /// Notes the delivery of `packet` (RFC 8985 §6.2 steps 1 and 2).
    pub(crate) fn on_delivered(&mut self, packet: &Sent, min_rtt: Option<Duration>, now: Time) {
        let rtt = now.since(packet.sent_at);
        // Sooner than a round trip after a retransmission: the original has arrived, and its time is not known.
        if packet.was_retransmitted && min_rtt.is_some_and(|min| rtt < min) {
            return;
        }
        self.has_advanced = true;
        self.rtt = rtt;
        self.newest = self.newest.max((packet.sent_at, packet.end));
    }

    /// Notes that a packet was delivered `packets` behind where it should have been (RFC 8985 §6.2 step 3).
    pub(crate) fn on_reordering(&mut self, packets: u64) {
        self.has_seen_reordering = true;
        self.reordering = self.reordering.max(packets.min(MAX_REORDERING));
    }

    /// Notes that a packet arrived twice: the window may have been too narrow, unless the probe explains it.
    pub(crate) fn on_duplicate(&mut self, is_probe: bool) {
        self.has_seen_duplicate |= self.has_seen_reordering && !is_probe;
    }

    /// Adapts the reordering window once a round trip: `delivered_before` had been delivered when the newest
    /// acknowledged packet left, and `delivered` is delivered by now (RFC 8985 §6.2 step 4).
    pub(crate) fn adapt_window(&mut self, delivered_before: Option<u64>, delivered: u64) {
        let Some(delivered_before) = delivered_before else { return };
        if delivered_before < self.widened_at_delivered {
            self.has_seen_duplicate = false;
        }
        if self.has_seen_duplicate {
            self.window_steps = (self.window_steps + 1).min(255);
            self.has_seen_duplicate = false;
            self.widened_at_delivered = delivered;
            self.window_persists = PERSIST_RECOVERIES;
        } else if self.window_persists == 0 {
            self.window_steps = 1;
        }
    }

    /// Counts a recovery down for which the widened window stays.
    pub(crate) const fn on_recovery_end(&mut self) {
        self.window_persists = self.window_persists.saturating_sub(1);
    }

    /// Looks at every packet again at the next opportunity: what was held lost is not any more.
    pub(crate) const fn look_again(&mut self) {
        self.has_advanced = true;
    }

    /// A timeout after many duplicate acknowledgments: the reordering was overestimated.
    pub(crate) fn on_timeout_with_sacks(&mut self, sacked: u64) {
        if sacked >= DEFAULT_REORDERING {
            self.reordering = self.reordering.min(DEFAULT_REORDERING);
        }
    }

    /// Whether packets of this path overtake each other more than is usual.
    pub(crate) const fn is_path_reordering(&self) -> bool {
        self.reordering > DEFAULT_REORDERING
    }

    pub(crate) const fn reordering(&self) -> u64 {
        self.reordering
    }

    /// Marks what is lost if something was delivered since the last look (RFC 8985 §6.2 step 5).
    pub(crate) fn detect_after_ack(
        &mut self,
        board: &mut Scoreboard,
        rtt: &RttEstimator,
        is_recovering: bool,
        now: Time,
    ) -> Detected {
        if !core::mem::take(&mut self.has_advanced) {
            return Detected::default();
        }
        self.detect(board, rtt, is_recovering, now)
    }

    /// Marks what is lost at `now`.
    pub(crate) fn detect(
        &self,
        board: &mut Scoreboard,
        rtt: &RttEstimator,
        is_recovering: bool,
        now: Time,
    ) -> Detected {
        let window = self.window(board, rtt, is_recovering);
        let mut detected = Detected::default();
        let mut lost = Vec::new();
        for packet in board.under_way().take_while(|packet| (packet.sent_at, packet.end) < self.newest) {
            match self.time_left(packet, window, now) {
                None => lost.push(packet.end),
                left => detected.look_again_after = detected.look_again_after.max(left),
            }
        }
        for end in lost {
            detected.lost += u64::from(board.mark_lost(end));
        }
        detected
    }

    /// How long until `packet` is lost if the reordering window is `window`, or `None` when that time has come.
    pub(crate) fn time_left(&self, packet: &Sent, window: Duration, now: Time) -> Option<Duration> {
        let left = (self.rtt + window).saturating_sub(now.since(packet.sent_at));
        (!left.is_zero()).then_some(left)
    }

    /// How long a packet may be overtaken before it is held lost.
    fn window(&self, board: &Scoreboard, rtt: &RttEstimator, is_recovering: bool) -> Duration {
        // Without reordering seen, loss that three duplicates prove, or that a recovery goes on about, need not wait.
        if !self.has_seen_reordering && (is_recovering || board.sacked() >= self.reordering) {
            return Duration::ZERO;
        }
        let quarter = rtt.min().unwrap_or_default() / 4;
        (quarter * self.window_steps).min(rtt.smoothed().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(index: u64) -> Sent {
        Sent::first_time(index * 10, (index + 1) * 10, Time::from_millis(index), Default::default())
    }

    /// Ten packets a millisecond apart, of which `index` is delivered 100 ms after it left.
    fn deliver(indices: &[u64]) -> (Rack, Scoreboard, RttEstimator) {
        let mut board = Scoreboard::default();
        (0..10).for_each(|index| board.push(packet(index)));
        let mut rtt = RttEstimator::new(Duration::from_millis(200), Duration::from_secs(120));
        rtt.add(Duration::from_millis(100), 1, 1);
        rtt.add_to_min(Duration::from_millis(100), Time::ZERO);
        let mut rack = Rack::default();
        for &index in indices {
            let at = Time::from_millis(100 + index);
            rack.on_delivered(&packet(index), rtt.min(), at);
            board.mark_sacked(&[(index * 10, (index + 1) * 10)], |_, _| {});
        }
        (rack, board, rtt)
    }

    #[test]
    fn one_overtaken_packet_is_lost_a_quarter_round_trip_later() {
        let (mut rack, mut board, rtt) = deliver(&[1]);
        let now = Time::from_millis(101);
        let detected = rack.detect_after_ack(&mut board, &rtt, false, now);
        assert_eq!(detected, Detected { lost: 0, look_again_after: Some(Duration::from_millis(24)) });
        assert_eq!(rack.detect_after_ack(&mut board, &rtt, false, now), Detected::default(), "nothing new");
        let later = rack.detect(&mut board, &rtt, false, now + Duration::from_millis(24));
        assert_eq!(later, Detected { lost: 1, look_again_after: None });
        assert_eq!(board.first_to_retransmit().map(|packet| packet.start), Some(0));
    }

    #[test]
    fn three_later_deliveries_make_it_lost_at_once() {
        let (rack, mut board, rtt) = deliver(&[1, 2, 3]);
        let detected = rack.detect(&mut board, &rtt, false, Time::from_millis(103));
        assert_eq!(detected, Detected { lost: 1, look_again_after: None });
    }

    #[test]
    fn a_path_that_reorders_is_given_its_time_despite_three_deliveries() {
        let (mut rack, mut board, rtt) = deliver(&[1, 2, 3]);
        rack.on_reordering(2);
        let detected = rack.detect(&mut board, &rtt, false, Time::from_millis(103));
        assert_eq!(detected, Detected { lost: 0, look_again_after: Some(Duration::from_millis(22)) });
    }

    #[test]
    fn duplicates_widen_the_window_and_sixteen_recoveries_bring_it_back() {
        let (mut rack, ..) = deliver(&[1]);
        rack.on_duplicate(false);
        rack.adapt_window(Some(0), 1);
        assert_eq!(rack.window_steps, 1, "a path that does not reorder is not to blame");
        rack.on_reordering(2);
        rack.on_duplicate(true);
        rack.adapt_window(Some(0), 1);
        assert_eq!(rack.window_steps, 1, "the probe explains the duplicate");
        rack.on_duplicate(false);
        rack.adapt_window(Some(0), 5);
        assert_eq!(rack.window_steps, 2);
        (0..PERSIST_RECOVERIES).for_each(|_| rack.on_recovery_end());
        rack.adapt_window(Some(6), 9);
        assert_eq!(rack.window_steps, 1);
    }
}
