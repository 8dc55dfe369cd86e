//! How fast the network delivers (draft-ietf-ccwg-bbr §4.1, formerly draft-cheng-iccrg-delivery-rate-estimation; Linux's
//! `tcp_rate.c`).
//!
//! Every packet carries a stamp of how much had been delivered when it left. When it is delivered itself, the packets
//! delivered meanwhile, over the time that took, are a sample of the rate.

use core::time::Duration;

use sluice_shared::time::Time;

use crate::scoreboard::Sent;

/// What a packet remembers of the moment at which it left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeliveryStamp {
    /// Packets delivered by then.
    pub(crate) delivered: u64,
    /// When the last of those was delivered, or when sending began again with nothing under way.
    pub(crate) delivered_at: Time,
    /// When the packet left whose delivery began the flight that this one belongs to.
    pub(crate) first_sent_at: Time,
    /// The application had nothing more to send at some moment of the flight.
    pub(crate) is_app_limited: bool,
}

/// What is needed to stamp packets and to turn stamps into samples.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeliveryRate {
    delivered_at: Time,
    first_sent_at: Time,
    /// Samples are limited by the application until this many packets are delivered.
    app_limited_until: Option<u64>,
}

/// What one acknowledgment says of the path.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RateSample {
    /// Packets delivered over the sample, and how long that took; `None` where no time is known, or where the time is
    /// too short to be true.
    pub(crate) delivered: Option<(u64, Duration)>,
    /// Packets delivered when the newest of the packets delivered left; `None` when no packet was.
    pub(crate) prior_delivered: Option<u64>,
    pub(crate) is_app_limited: bool,
    /// The round trip of the newest packet delivered.
    pub(crate) rtt: Option<Duration>,
    /// The receiver may have put the acknowledgment off.
    pub(crate) is_ack_delayed: bool,
    /// Packets newly delivered, and newly held lost.
    pub(crate) acked: u64,
    pub(crate) lost: u64,
    /// Packets in flight before the acknowledgment.
    pub(crate) prior_in_flight: u64,
}

impl DeliveryRate {
    /// The stamp of a packet that leaves at `now`; `is_alone` says that nothing sent is unacknowledged.
    pub(crate) const fn stamp(&mut self, delivered: u64, is_alone: bool, now: Time) -> DeliveryStamp {
        if is_alone {
            self.delivered_at = now;
            self.first_sent_at = now;
        }
        DeliveryStamp {
            delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            is_app_limited: self.app_limited_until.is_some(),
        }
    }

    /// There is no more to send than what is in flight, and the window would let more leave.
    pub(crate) const fn on_app_limited(&mut self, delivered: u64, in_flight: u64) {
        self.app_limited_until = Some(delivered + in_flight);
    }

    pub(crate) const fn is_app_limited(&self) -> bool {
        self.app_limited_until.is_some()
    }

    /// When a packet was delivered last.
    pub(crate) const fn delivered_at(&self) -> Time {
        self.delivered_at
    }

    /// The next flight begins with the newest packet that an acknowledgment delivered.
    pub(crate) const fn on_newest(&mut self, newest: &Sent) {
        self.first_sent_at = newest.sent_at;
    }

    /// Ends the bubble that an application left, once it is delivered, and takes the time of a delivery.
    pub(crate) fn on_delivered(&mut self, delivered: u64, has_news: bool, now: Time) {
        if self.app_limited_until.is_some_and(|until| delivered > until) {
            self.app_limited_until = None;
        }
        if has_news {
            self.delivered_at = now;
        }
    }
}

impl RateSample {
    /// Takes the rate from the newest packet delivered: over the time in which its flight was sent or in which it was
    /// acknowledged, whichever is longer.
    pub(crate) fn measure(&mut self, newest: &Sent, delivered: u64, min_rtt: Duration, now: Time) {
        let stamp = &newest.stamp;
        self.prior_delivered = Some(stamp.delivered);
        self.is_app_limited = stamp.is_app_limited;
        let sending = newest.sent_at.since(stamp.first_sent_at);
        let interval = sending.max(now.since(stamp.delivered_at));
        // Sooner than the path allows: the copy before the last one was delivered.
        if interval >= min_rtt && !interval.is_zero() {
            self.delivered = Some((delivered - stamp.delivered, interval));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN_RTT: Duration = Duration::from_millis(100);

    fn sent(rate: &mut DeliveryRate, delivered: u64, is_alone: bool, at: Time) -> Sent {
        Sent::first_time(0, 1, at, rate.stamp(delivered, is_alone, at))
    }

    fn sample(newest: &Sent, delivered: u64, now: Time) -> RateSample {
        let mut sample = RateSample::default();
        sample.measure(newest, delivered, MIN_RTT, now);
        sample
    }

    #[test]
    fn ten_packets_a_millisecond_apart_are_ten_over_a_round_trip_and_the_spread_of_their_delivery() {
        let mut rate = DeliveryRate::default();
        let flight: Vec<Sent> = (0..10).map(|i| sent(&mut rate, 0, i == 0, Time::from_millis(i))).collect();
        let now = Time::from_millis(109);
        let sample = sample(&flight[9], 10, now);
        assert_eq!(sample.delivered, Some((10, Duration::from_millis(109))));
    }

    #[test]
    fn acknowledgments_that_arrive_together_do_not_make_the_network_faster_than_the_sender() {
        let mut rate = DeliveryRate::default();
        let first = sent(&mut rate, 0, true, Time::ZERO);
        rate.on_newest(&first);
        rate.on_delivered(1, true, Time::from_millis(100));
        let late = sent(&mut rate, 1, false, Time::from_millis(300));
        // It was delivered 100 ms after it left, but 300 ms lie between it and the beginning of its flight.
        let sample = sample(&late, 3, Time::from_millis(400));
        assert_eq!(sample.delivered, Some((2, Duration::from_millis(300))));
    }

    #[test]
    fn a_sample_sooner_than_the_least_round_trip_is_none() {
        let mut rate = DeliveryRate::default();
        let repeated = sent(&mut rate, 5, true, Time::from_millis(500));
        let sample = sample(&repeated, 6, Time::from_millis(599));
        assert_eq!((sample.delivered, sample.prior_delivered), (None, Some(5)));
    }

    #[test]
    fn a_bubble_marks_packets_until_what_was_in_flight_then_is_delivered() {
        let mut rate = DeliveryRate::default();
        rate.on_app_limited(3, 4);
        assert!(sent(&mut rate, 3, false, Time::ZERO).stamp.is_app_limited);
        rate.on_delivered(7, true, Time::from_millis(1));
        assert!(rate.is_app_limited());
        rate.on_delivered(8, true, Time::from_millis(2));
        assert!(!sent(&mut rate, 8, false, Time::from_millis(2)).stamp.is_app_limited);
    }
}
