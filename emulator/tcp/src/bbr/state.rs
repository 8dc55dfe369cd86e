//! What the controller knows, and what it is told.

use core::time::Duration;

use sluice_shared::time::Time;

use crate::delivery_rate::RateSample;
use crate::pacing::Pace;
use crate::random::mix;
use crate::recovery::Phase;

use super::aggregation::Aggregation;
use super::bandwidth::{Bandwidth, Gain, MaxBandwidth};
use super::full_pipe::FullPipe;
use super::mode::{Cycle, Gains, Mode};
use super::policer::{Policer, PolicerAck, Totals, Verdict};
use super::probe_rtt::RoundTrip;

/// The window that a connection starts with, which is safe on any path.
pub(super) const SAFE_PACKETS: u64 = 10;
/// Below this pace, in bytes a second, packets leave one by one, and else two by two at least: 1.2 Mbit/s.
const MIN_PAIRED_BYTES_PER_SEC: u64 = 1_200_000 / 8;
/// A burst is what the pace lets leave in 2⁻¹⁰ s.
const BURST_SHIFT: u32 = 10;
/// Bytes that one pass through the stack takes at most (`GSO_LEGACY_MAX_SIZE`), and the packets that a window allows for.
const MAX_BURST_BYTES: u64 = 65_536;
const MAX_BUDGET_PACKETS: u64 = 0x7F;
/// A near peer gets larger bursts: half as large for each 2⁹ µs of round trip (`tcp_tso_rtt_log`).
const NEAR_SHIFT: u32 = 9;
/// The round trip that a path is taken to have before any sample.
const NOMINAL_RTT: Duration = Duration::from_millis(1);

/// BBR's model of a path, and the rate and window that follow from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bbr {
    pub(super) cwnd: u64,
    /// The window before recovery or a pause cut it.
    pub(super) prior_cwnd: u64,
    /// What the path held at the end of start-up; shown, and otherwise without effect.
    pub(super) ssthresh: Option<u64>,
    pub(super) segment_bytes: u64,
    /// Bytes of data in a second.
    pub(super) pacing_rate: u64,
    /// The pace comes from a round trip that was measured.
    pub(super) has_rtt: bool,
    pub(super) mode: Mode,
    pub(super) gains: Gains,
    pub(super) cycle: Cycle,
    pub(super) max_bandwidth: MaxBandwidth,
    pub(super) rounds: Rounds,
    pub(super) full_pipe: FullPipe,
    pub(super) policer: Policer,
    pub(super) aggregation: Aggregation,
    pub(super) round_trip: RoundTrip,
    /// Sending has begun again after a silence of the application.
    pub(super) is_restarting: bool,
    /// As many packets leave as arrive: the first round of a recovery.
    pub(super) is_conserving: bool,
    /// The phase at the last acknowledgment.
    pub(super) prior_phase: Phase,
    random: u64,
}

/// Round trips counted in packets: one ends when a packet is delivered that left after the last one ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rounds {
    pub(super) count: u64,
    /// Packets delivered when the present round began.
    pub(super) end_delivered: u64,
    pub(super) is_start: bool,
}

/// Where the sender stands when an acknowledgment has been judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathState {
    pub(crate) phase: Phase,
    /// Packets that the network holds, as far as is known.
    pub(crate) in_flight: u64,
    pub(crate) totals: Totals,
    pub(crate) smoothed_rtt: Option<Duration>,
    /// How far ahead of the present the next burst is scheduled.
    pub(crate) ahead: Duration,
    pub(crate) now: Time,
}

impl Bbr {
    pub(crate) fn new(initial_cwnd: u64, segment_bytes: u64, seed: u64) -> Self {
        Self {
            cwnd: initial_cwnd,
            prior_cwnd: 0,
            ssthresh: None,
            segment_bytes,
            pacing_rate: 0,
            has_rtt: false,
            mode: Mode::Startup,
            gains: Gains::STARTUP,
            cycle: Cycle::default(),
            max_bandwidth: MaxBandwidth::new(),
            rounds: Rounds::default(),
            full_pipe: FullPipe::default(),
            policer: Policer::default(),
            aggregation: Aggregation::default(),
            round_trip: RoundTrip::default(),
            is_restarting: false,
            is_conserving: false,
            prior_phase: Phase::Open,
            random: seed,
        }
    }

    /// The connection is established at `now`; `smoothed_rtt` and `min_rtt` are the handshake's.
    pub(crate) fn begin(&mut self, smoothed_rtt: Option<Duration>, min_rtt: Option<Duration>, now: Time) {
        self.round_trip = RoundTrip::new(min_rtt, now);
        self.aggregation.restart(now);
        self.set_initial_pace(smoothed_rtt);
    }

    pub(crate) const fn cwnd(&self) -> u64 {
        self.cwnd
    }

    pub(crate) const fn ssthresh(&self) -> Option<u64> {
        self.ssthresh
    }

    /// A connection whose SYN was lost twice begins with one packet.
    pub(crate) const fn start_small(&mut self) {
        self.cwnd = 1;
    }

    /// How fast packets may leave, and how many together; `min_rtt` tells a near peer.
    pub(crate) fn pace(&self, min_rtt: Option<Duration>) -> Pace {
        let halvings = min_rtt.map_or(0, |rtt| sluice_shared::time::micros(rtt) >> NEAR_SHIFT);
        let near =
            u32::try_from(halvings).ok().and_then(|shift| MAX_BURST_BYTES.checked_shr(shift)).unwrap_or(0);
        let bytes = ((self.pacing_rate >> BURST_SHIFT) + near).min(MAX_BURST_BYTES);
        let burst_packets = (bytes / self.segment_bytes).max(self.min_burst());
        Pace { bytes_per_sec: self.pacing_rate, burst_packets }
    }

    /// Packets of a burst that the window has to make room for.
    pub(super) fn budgeted_burst(&self) -> u64 {
        ((self.pacing_rate >> BURST_SHIFT) / self.segment_bytes).max(self.min_burst()).min(MAX_BUDGET_PACKETS)
    }

    const fn min_burst(&self) -> u64 {
        if self.pacing_rate < MIN_PAIRED_BYTES_PER_SEC { 1 } else { 2 }
    }

    /// The estimate of what the path delivers.
    pub(super) fn bandwidth(&self) -> Bandwidth {
        self.policer.policed().unwrap_or_else(|| self.max_bandwidth.get())
    }

    /// Sets the pace for `gain`; while the pipe is not full the pace never falls.
    pub(super) fn set_pace(&mut self, gain: Gain, smoothed_rtt: Option<Duration>) {
        if !self.has_rtt && smoothed_rtt.is_some() {
            self.set_initial_pace(smoothed_rtt);
        }
        let rate = self.bandwidth().pacing_rate(gain, self.segment_bytes);
        if self.full_pipe.is_reached() || rate > self.pacing_rate {
            self.pacing_rate = rate;
        }
    }

    fn set_initial_pace(&mut self, smoothed_rtt: Option<Duration>) {
        self.has_rtt = smoothed_rtt.is_some();
        let bandwidth = Bandwidth::of(self.cwnd, smoothed_rtt.unwrap_or(NOMINAL_RTT));
        self.pacing_rate = bandwidth.pacing_rate(Gain::HIGH, self.segment_bytes);
    }

    /// Sending begins with nothing in flight.
    pub(crate) fn on_sending_begins(
        &mut self,
        is_app_limited: bool,
        smoothed_rtt: Option<Duration>,
        totals: Totals,
        now: Time,
    ) {
        if !is_app_limited {
            return;
        }
        self.is_restarting = true;
        self.aggregation.restart(now);
        match self.mode {
            // The application needs no more than the path gives.
            Mode::ProbeBandwidth => self.set_pace(Gain::ONE, smoothed_rtt),
            Mode::ProbeRtt => self.leave_probe_rtt_if_done(totals, now),
            Mode::Startup | Mode::Drain => {}
        }
    }

    /// Recovery begins: keeps the window for its end.
    pub(crate) fn on_loss(&mut self) {
        self.save_cwnd();
    }

    /// A timeout: the window falls to what is in flight and one packet more.
    pub(crate) fn on_timeout(&mut self, is_new_loss: bool, in_flight: u64, totals: Totals) {
        if is_new_loss {
            self.save_cwnd();
        }
        self.cwnd = in_flight + 1;
        self.prior_phase = Phase::Loss;
        self.full_pipe.forget_best();
        self.rounds.is_start = true;
        let sample = RateSample { lost: 1, ..RateSample::default() };
        self.watch_for_policer(&sample, totals);
    }

    /// The recovery was for nothing.
    pub(crate) fn undo(&mut self, totals: Totals) {
        self.full_pipe.restart();
        self.policer.reset(totals);
    }

    pub(super) fn watch_for_policer(&mut self, sample: &RateSample, totals: Totals) {
        let ack = PolicerAck {
            totals,
            has_lost: sample.lost > 0,
            is_app_limited: sample.is_app_limited,
            is_round_start: self.rounds.is_start,
            is_cruising: self.mode == Mode::ProbeBandwidth,
        };
        match self.policer.on_ack(ack, self.segment_bytes) {
            Verdict::Unchanged => {}
            Verdict::Policed => self.gains.pacing = Gain::ONE,
            Verdict::LetGo => self.begin_cycle(totals),
        }
    }

    /// Keeps to the bandwidth from now on, beginning somewhere in the cycle of gains.
    pub(super) fn begin_cycle(&mut self, totals: Totals) {
        self.mode = Mode::ProbeBandwidth;
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.cycle = Cycle::begin(mix(self.random), totals.delivered_at);
    }
}
