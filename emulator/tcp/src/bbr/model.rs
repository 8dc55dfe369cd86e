//! What an acknowledgment does to the model.

use crate::delivery_rate::{DeliveryRate, RateSample};

use super::bandwidth::{Bandwidth, Gain};
use super::mode::{Gains, Mode};
use super::state::{Bbr, PathState};

impl Bbr {
    /// Takes what an acknowledgment says of the path, and sets pace and window.
    pub(crate) fn on_ack(&mut self, sample: &RateSample, path: &PathState, rate: &mut DeliveryRate) {
        self.update_bandwidth(sample, path);
        self.update_aggregation(sample, path);
        self.update_cycle(sample, path);
        self.check_full_pipe(sample);
        self.check_drain(path);
        self.update_min_rtt(sample, path, rate);
        self.gains = Gains::of(self.mode, self.cycle, self.policer.policed().is_some());
        self.set_pace(self.gains.pacing, path.smoothed_rtt);
        self.set_cwnd(sample, path);
    }

    fn update_bandwidth(&mut self, sample: &RateSample, path: &PathState) {
        self.rounds.is_start = false;
        let (Some((delivered, interval)), Some(prior)) = (sample.delivered, sample.prior_delivered) else {
            return;
        };
        if prior >= self.rounds.end_delivered {
            self.rounds.end_delivered = path.totals.delivered;
            self.rounds.count += 1;
            self.rounds.is_start = true;
            self.is_conserving = false;
        }
        self.watch_for_policer(sample, path.totals);
        let bandwidth = Bandwidth::of(delivered, interval);
        // A slow application says nothing of the path, unless it is faster than what is known.
        if !sample.is_app_limited || bandwidth >= self.max_bandwidth.get() {
            self.max_bandwidth.add(bandwidth, self.rounds.count);
        }
    }

    fn update_aggregation(&mut self, sample: &RateSample, path: &PathState) {
        if sample.acked == 0 || sample.delivered.is_none() {
            return;
        }
        if self.rounds.is_start {
            self.aggregation.on_round();
        }
        let bandwidth = self.bandwidth();
        self.aggregation.on_ack(sample.acked, bandwidth, self.cwnd, path.totals.delivered_at);
    }

    fn update_cycle(&mut self, sample: &RateSample, path: &PathState) {
        if self.mode == Mode::ProbeBandwidth && self.is_phase_over(sample, path) {
            self.cycle.advance(path.totals.delivered_at);
        }
    }

    /// A phase lasts a least round trip. One that asks for more lasts until more is in flight, or lost; one that makes
    /// up for it ends as soon as it has.
    fn is_phase_over(&self, sample: &RateSample, path: &PathState) -> bool {
        let elapsed = path.totals.delivered_at.since(self.cycle.since());
        let is_full_length = self.round_trip.min().is_some_and(|rtt| elapsed > rtt);
        let gain = self.gains.pacing;
        if gain == Gain::ONE {
            return is_full_length;
        }
        let in_network = self.in_network_at_departure(sample.prior_in_flight, path);
        let bandwidth = self.max_bandwidth.get();
        if gain > Gain::ONE {
            is_full_length && (sample.lost > 0 || in_network >= self.in_flight_target(bandwidth, gain))
        } else {
            is_full_length || in_network <= self.in_flight_target(bandwidth, Gain::ONE)
        }
    }

    /// Packets that the network will hold when the next burst leaves, of the `in_flight` that it holds now.
    fn in_network_at_departure(&self, in_flight: u64, path: &PathState) -> u64 {
        let delivered = self.bandwidth().packets_in(path.ahead);
        let burst = if self.gains.pacing > Gain::ONE { self.budgeted_burst() } else { 0 };
        (in_flight + burst).saturating_sub(delivered)
    }

    fn check_full_pipe(&mut self, sample: &RateSample) {
        if self.rounds.is_start && !sample.is_app_limited {
            self.full_pipe.on_round(self.max_bandwidth.get());
        }
    }

    fn check_drain(&mut self, path: &PathState) {
        let target = |bbr: &Self| bbr.in_flight_target(bbr.max_bandwidth.get(), Gain::ONE);
        if self.mode == Mode::Startup && self.full_pipe.is_reached() {
            self.mode = Mode::Drain;
            self.ssthresh = Some(target(self));
        }
        if self.mode == Mode::Drain && self.in_network_at_departure(path.in_flight, path) <= target(self) {
            self.begin_cycle(path.totals);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use sluice_shared::time::{Time, micros};

    use super::super::policer::Totals;
    use super::*;
    use crate::recovery::Phase;

    const RTT: Duration = Duration::from_millis(50);
    /// 50 packets a round trip.
    const PACKETS_PER_SEC: u64 = 1_000;

    /// A controller on an ideal path: every packet arrives after a round trip, at the rate of the path at most.
    struct Path {
        bbr: Bbr,
        rate: DeliveryRate,
        totals: Totals,
        now: Time,
    }

    impl Path {
        fn new() -> Self {
            let mut bbr = Bbr::new(10, 1_448, 1);
            bbr.begin(Some(RTT), Some(RTT), Time::ZERO);
            Self { bbr, rate: DeliveryRate::default(), totals: Totals::default(), now: Time::ZERO }
        }

        /// One round trip in which `packets` are delivered one by one with nothing lost.
        fn round(&mut self, packets: u64, rtt: Duration) {
            self.rounds_of(packets, rtt, Phase::Open, 0);
        }

        fn rounds_of(&mut self, packets: u64, rtt: Duration, phase: Phase, lost: u64) {
            let start = self.totals.delivered;
            for _ in 0..packets {
                self.now = self.now + rtt / u32::try_from(packets).expect("few packets");
                self.totals.delivered += 1;
                self.totals.delivered_at = self.now;
                self.totals.lost += lost;
                let sample = RateSample {
                    delivered: Some((packets, rtt)),
                    prior_delivered: Some(start),
                    rtt: Some(rtt),
                    acked: 1,
                    lost,
                    prior_in_flight: packets,
                    ..RateSample::default()
                };
                let path = PathState {
                    phase,
                    in_flight: packets - 1,
                    totals: self.totals,
                    smoothed_rtt: Some(rtt),
                    ahead: Duration::ZERO,
                    now: self.now,
                };
                self.bbr.on_ack(&sample, &path, &mut self.rate);
            }
        }

        fn cruising() -> Self {
            let mut path = Self::new();
            let limit = PACKETS_PER_SEC * micros(RTT) / 1_000_000;
            for _ in 0..12 {
                let packets = path.bbr.cwnd.min(limit);
                path.round(packets, RTT);
            }
            assert_eq!(path.bbr.mode, Mode::ProbeBandwidth);
            path
        }
    }

    #[test]
    fn start_up_doubles_drains_and_settles_at_twice_what_the_path_holds() {
        let path = Path::cruising();
        let rate = path.bbr.bandwidth().packets_in(Duration::from_secs(1));
        assert!(rate.abs_diff(PACKETS_PER_SEC) <= 1, "{rate}");
        // Twice 50, three bursts of two, and what is acknowledged at once.
        assert!((106..=112).contains(&path.bbr.cwnd), "{:?}", path.bbr);
        assert!(path.bbr.ssthresh.is_some());
    }

    #[test]
    fn recovery_conserves_packets_for_a_round_and_then_gives_the_window_back() {
        let mut path = Path::cruising();
        let before = path.bbr.cwnd;
        path.bbr.on_loss();
        path.rounds_of(1, RTT, Phase::Recovery, 1);
        assert!(path.bbr.is_conserving);
        assert_eq!(path.bbr.cwnd, 1, "one arrived, so one may leave");
        path.round(50, RTT);
        assert_eq!((path.bbr.is_conserving, path.bbr.cwnd), (false, before.min(path.bbr.cwnd)));
        assert!(path.bbr.cwnd >= 106);
    }

    #[test]
    fn a_round_trip_that_only_grows_is_measured_again_after_ten_seconds_with_four_packets() {
        let mut path = Path::cruising();
        let longer = RTT + Duration::from_millis(1);
        let start = path.now;
        while path.bbr.mode != Mode::ProbeRtt {
            path.round(50, longer);
            assert!(path.now.since(start) < Duration::from_secs(11), "{:?}", path.bbr);
        }
        assert_eq!(path.bbr.cwnd, 4);
        let paused_at = path.now;
        while path.bbr.mode == Mode::ProbeRtt {
            path.round(4, RTT);
        }
        let pause = path.now.since(paused_at);
        assert!((200..=300).contains(&pause.as_millis()), "{pause:?}");
        assert!(path.rate.is_app_limited(), "its rate does not count");
        assert!(path.bbr.cwnd > 100);
    }
}
