//! Delivery gaps, with the fate of the messages that were published meanwhile.
//!
//! Filled by `LaneStats` on each arrival. A gap is detected by the message that ends it.

use core::time::Duration;

use sluice_shared::time::{Time, micros};

use super::ring::Ring;
use sluice_bridge::{DeliveryGap, Summary};

/// Detector of delivery gaps: times without arrivals of at least [`Summary::DELIVERY_GAP_MICROS`], and of
/// twice the usual spacing. All times are on one clock.
#[derive(Debug)]
pub(super) struct DeliveryGaps {
    kept: Ring<DeliveryGap>,
    /// First arrival, or the end of the last gap that is no longer kept.
    since: Option<Time>,
    last_arrival: Option<Time>,
    usual_micros: u64,
    left_out: u64,
    lost: u64,
}

impl DeliveryGaps {
    /// Time after the end of a gap within which skipped or lost messages are attributed to it.
    const AFTERMATH: Duration = Duration::from_secs(1);
    /// Decay of the usual spacing: it is forgotten within this many times its own length.
    const FORGETTING: u64 = 4;

    /// Creates a detector without gaps.
    pub(super) fn new() -> Self {
        let kept = Ring::new(Summary::MAX_DELIVERY_GAPS);
        Self { kept, since: None, last_arrival: None, usual_micros: 0, left_out: 0, lost: 0 }
    }

    /// Handles the arrival of a message that was published at `published_at`; `None` while the server's clock
    /// is unknown.
    pub(super) fn handle_arrival(&mut self, published_at: Option<Time>, now: Time) {
        self.since.get_or_insert(now);
        if let Some(last) = self.last_arrival.replace(now) {
            let spacing = micros(now.since(last));
            let long = Summary::DELIVERY_GAP_MICROS.max(2 * self.usual_micros);
            if spacing >= long {
                let gap = DeliveryGap { from: last, until: now, waited: 0, left_out: 0, lost: 0 };
                if let Some(forgotten) = self.kept.push(gap) {
                    self.since = Some(forgotten.until);
                }
            }
            // A single gap raises the usual spacing only up to the threshold.
            let faded = self.usual_micros.saturating_sub(spacing / Self::FORGETTING);
            self.usual_micros = faded.max(spacing.min(long));
        }
        let (left_out, lost) = (core::mem::take(&mut self.left_out), core::mem::take(&mut self.lost));
        if let Some(newest) = self.kept.newest_mut()
            && now.since(newest.until) <= Self::AFTERMATH
        {
            newest.left_out += left_out;
            newest.lost += lost;
        }
        let Some(published_at) = published_at else { return };
        // Most messages were published after the end of the newest gap.
        let mut gaps = self.kept.newest_first_mut().take_while(|gap| published_at <= gap.until);
        if let Some(gap) = gaps.find(|gap| published_at >= gap.from) {
            gap.waited += 1;
        }
    }

    /// Counts messages that were skipped for a known reason.
    pub(super) const fn handle_left_out(&mut self, messages: u64) {
        self.left_out += messages;
    }

    /// Counts messages that were lost without a report.
    pub(super) const fn handle_lost(&mut self, messages: u64) {
        self.lost += messages;
    }

    /// Returns the newest gaps, oldest first.
    pub(super) fn kept(&self) -> Vec<DeliveryGap> {
        self.kept.all()
    }

    /// Returns the time of the last arrival.
    pub(super) const fn last_arrival(&self) -> Option<Time> {
        self.last_arrival
    }

    /// Returns the time since which all gaps are kept; `None` before the first message.
    pub(super) const fn since(&self) -> Option<Time> {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn a_gap_is_noticed_before_the_clock_is_known() {
        let mut gaps = DeliveryGaps::new();
        gaps.handle_arrival(None, at(1_000));
        gaps.handle_arrival(None, at(21_000));
        let gap = DeliveryGap { from: at(1_000), until: at(21_000), ..DeliveryGap::default() };
        assert_eq!((gaps.kept(), gaps.last_arrival()), (vec![gap], Some(at(21_000))));
    }

    /// Returns a detector that has seen one second of a message every 2 ms, each 20 ms after its publication.
    fn steady() -> DeliveryGaps {
        let mut gaps = DeliveryGaps::new();
        for millis in (0..=1_000).step_by(2) {
            gaps.handle_arrival(Some(at(millis).shifted_by_micros(-20_000)), at(millis));
        }
        gaps
    }

    #[test]
    fn messages_that_were_published_in_a_silence_have_waited_for_its_end() {
        let mut gaps = steady();
        assert_eq!((gaps.kept(), gaps.since()), (vec![], Some(at(0))));
        // Messages in transit before the gap, published in it, and published after it.
        for published in (982..1_600).step_by(2) {
            gaps.handle_arrival(Some(at(published)), at(1_500.max(published + 20)));
        }
        let gap = DeliveryGap { from: at(1_000), until: at(1_500), waited: 251, left_out: 0, lost: 0 };
        assert_eq!(gaps.kept(), [gap]);
    }

    #[test]
    fn what_is_usual_is_no_silence() {
        let mut gaps = DeliveryGaps::new();
        for second in 0..40 {
            gaps.handle_arrival(Some(at(second * 1_000)), at(second * 1_000));
        }
        let noticed = gaps.kept().len();
        assert!(noticed <= 7, "a slow feed is learnt in {noticed} steps");
        gaps.handle_arrival(Some(at(39_500)), at(39_500));
        gaps.handle_arrival(Some(at(39_500)), at(39_501));
        assert_eq!(gaps.kept().len(), noticed);
        gaps.handle_arrival(Some(at(43_000)), at(43_000));
        assert_eq!(gaps.kept().last().map(|gap| gap.from), Some(at(39_501)));
    }

    #[test]
    fn a_silence_makes_the_next_one_no_less_noticed() {
        let mut gaps = steady();
        for millis in [1_700, 1_702, 1_704, 1_706, 1_760, 1_900] {
            gaps.handle_arrival(Some(at(millis)), at(millis));
        }
        assert_eq!(gaps.kept().len(), 3, "{:?}", gaps.kept());
    }

    #[test]
    fn what_is_left_out_or_lost_belongs_to_the_silence_that_has_just_ended() {
        let mut gaps = steady();
        gaps.handle_left_out(5);
        gaps.handle_arrival(Some(at(1_400)), at(1_400));
        gaps.handle_lost(2);
        gaps.handle_arrival(Some(at(1_402)), at(1_402));
        for millis in (1_404..3_000).step_by(2) {
            gaps.handle_arrival(Some(at(millis)), at(millis));
        }
        gaps.handle_left_out(7);
        gaps.handle_arrival(Some(at(3_000)), at(3_000));
        let reported: Vec<_> = gaps.kept().iter().map(|gap| (gap.left_out, gap.lost)).collect();
        assert_eq!(reported, [(5, 2)]);
    }

    #[test]
    fn only_the_newest_are_kept() {
        let mut gaps = steady();
        for second in 2..60 {
            gaps.handle_arrival(Some(at(second * 1_000)), at(second * 1_000));
            for millis in (2..800).step_by(2) {
                gaps.handle_arrival(Some(at(second * 1_000 + millis)), at(second * 1_000 + millis));
            }
        }
        let kept = gaps.kept();
        assert_eq!(kept.len(), Summary::MAX_DELIVERY_GAPS);
        assert_eq!(kept.last().map(|gap| gap.until), Some(at(59_000)));
        assert_eq!(gaps.since(), Some(at(43_000)), "the end of the newest that is forgotten");
    }
}
