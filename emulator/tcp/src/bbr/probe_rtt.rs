//! The least round trip, and the pause that measures it again.

use core::time::Duration;

use sluice_shared::time::Time;

use crate::delivery_rate::{DeliveryRate, RateSample};

use super::mode::Mode;
use super::policer::Totals;
use super::state::{Bbr, PathState};
use super::window::MIN_PACKETS;

/// How long a least round trip counts.
const WINDOW: Duration = Duration::from_secs(10);
/// How long a pause lasts at least, once little is in flight.
const PAUSE: Duration = Duration::from_millis(200);

/// The least round trip of ten seconds, and where the pause stands that looks for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundTrip {
    min: Option<Duration>,
    measured_at: Time,
    /// When the pause may end: set when as little is in flight as is wanted.
    pause_until: Option<Time>,
    /// A round trip has passed since.
    has_round_passed: bool,
}

impl RoundTrip {
    pub(super) const fn new(min: Option<Duration>, now: Time) -> Self {
        Self { min, measured_at: now, pause_until: None, has_round_passed: false }
    }

    /// The least round trip, or `None` before any sample.
    pub(super) const fn min(&self) -> Option<Duration> {
        self.min
    }

    /// Takes a sample; says whether the minimum was too old.
    fn take(&mut self, sample: &RateSample, now: Time) -> bool {
        let is_old = now.since(self.measured_at) > WINDOW;
        if let Some(rtt) = sample.rtt
            && (self.min.is_none_or(|min| rtt <= min) || (is_old && !sample.is_ack_delayed))
        {
            self.min = Some(rtt);
            self.measured_at = now;
        }
        is_old
    }
}

impl Bbr {
    /// Follows the least round trip; pauses when it is old, since a queue may hide what the path is.
    pub(super) fn update_min_rtt(&mut self, sample: &RateSample, path: &PathState, rate: &mut DeliveryRate) {
        let is_old = self.round_trip.take(sample, path.now);
        if is_old && !self.is_restarting && self.mode != Mode::ProbeRtt {
            self.mode = Mode::ProbeRtt;
            self.save_cwnd();
            self.round_trip.pause_until = None;
        }
        if self.mode == Mode::ProbeRtt {
            self.pause(path, rate);
        }
        if sample.prior_delivered.is_some() {
            self.is_restarting = false;
        }
    }

    fn pause(&mut self, path: &PathState, rate: &mut DeliveryRate) {
        // The rate of a pause is not that of the path.
        rate.on_app_limited(path.totals.delivered, path.in_flight);
        if self.round_trip.pause_until.is_some() {
            self.round_trip.has_round_passed |= self.rounds.is_start;
            if self.round_trip.has_round_passed {
                self.leave_probe_rtt_if_done(path.totals, path.now);
            }
        } else if path.in_flight <= MIN_PACKETS {
            self.round_trip.pause_until = Some(path.now + PAUSE);
            self.round_trip.has_round_passed = false;
            self.rounds.end_delivered = path.totals.delivered;
        }
    }

    /// Goes on as before the pause if it has lasted long enough.
    pub(super) fn leave_probe_rtt_if_done(&mut self, totals: Totals, now: Time) {
        if self.round_trip.pause_until.is_none_or(|until| now <= until) {
            return;
        }
        self.round_trip.measured_at = now;
        self.cwnd = self.cwnd.max(self.prior_cwnd);
        if self.full_pipe.is_reached() {
            self.begin_cycle(totals);
        } else {
            self.mode = Mode::Startup;
        }
    }
}
