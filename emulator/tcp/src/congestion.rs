//! The congestion controller: CUBIC or BBR, as one that loss recovery can talk to.

use core::time::Duration;

use sluice_shared::lab;
use sluice_shared::time::Time;

use crate::bbr::{Bbr, PathState, Totals};
use crate::cubic_window::{CubicWindow, SendAttempt};
use crate::delivery_rate::{DeliveryRate, RateSample};
use crate::pacing::Pace;
use crate::prr::PrrAck;
use crate::recovery::Phase;

/// What limits the packets in flight, and how evenly they leave.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Congestion {
    /// The window grows and is reduced by rules of its own.
    Cubic(CubicWindow),
    /// A model of the path sets window and pace; loss recovery only says what is to be sent again.
    Bbr(Bbr),
}

/// What an acknowledgment means for the window, once it is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ControlAck {
    pub(crate) sample: RateSample,
    pub(crate) path: PathState,
    /// The cumulative acknowledgment moved.
    pub(crate) advances: bool,
    /// Packets were delivered in a way that lets the window grow.
    pub(crate) may_grow: bool,
}

impl Congestion {
    /// `seed` decides what is left to chance.
    pub(crate) fn new(kind: lab::Congestion, initial_cwnd: u64, segment_bytes: u64, seed: u64) -> Self {
        match kind {
            lab::Congestion::Cubic | lab::Congestion::CubicWide => {
                Self::Cubic(CubicWindow::new(initial_cwnd))
            }
            lab::Congestion::Bbr => Self::Bbr(Bbr::new(initial_cwnd, segment_bytes, seed)),
        }
    }

    /// The connection is established at `now`; the round trips are the handshake's.
    pub(crate) fn begin(&mut self, smoothed_rtt: Option<Duration>, min_rtt: Option<Duration>, now: Time) {
        match self {
            Self::Cubic(_) => {}
            Self::Bbr(bbr) => bbr.begin(smoothed_rtt, min_rtt, now),
        }
    }

    /// The window, in packets.
    pub(crate) const fn cwnd(&self) -> u64 {
        match self {
            Self::Cubic(window) => window.cwnd(),
            Self::Bbr(bbr) => bbr.cwnd(),
        }
    }

    /// The slow-start threshold, or `None` while nothing has set one.
    pub(crate) fn ssthresh(&self) -> Option<u64> {
        match self {
            Self::Cubic(window) => window.ssthresh(),
            Self::Bbr(bbr) => bbr.ssthresh(),
        }
    }

    /// How fast packets may leave, or `None` where they may leave as the window lets them.
    pub(crate) fn pace(&self, min_rtt: Option<Duration>) -> Option<Pace> {
        match self {
            Self::Cubic(_) => None,
            Self::Bbr(bbr) => Some(bbr.pace(min_rtt)),
        }
    }

    /// How many windows the send buffer should hold (`sndbuf_expand`): BBR may double its window in a recovery.
    pub(crate) const fn buffered_windows(&self) -> u64 {
        match self {
            Self::Cubic(_) => 2,
            Self::Bbr(_) => 3,
        }
    }

    /// A connection whose SYN was lost twice begins with one packet (RFC 5681 §3.1).
    pub(crate) fn start_small(&mut self) {
        match self {
            Self::Cubic(window) => window.start_small(),
            Self::Bbr(bbr) => bbr.start_small(),
        }
    }

    /// Takes a round-trip sample into the watch on slow start.
    pub(crate) fn on_rtt_sample(&mut self, rtt: Duration, acked: u64, next: u64, now: Time) {
        match self {
            Self::Cubic(window) => window.on_rtt_sample(rtt, acked, next, now),
            Self::Bbr(_) => {}
        }
    }

    /// An acknowledgment was judged: sets the window.
    pub(crate) fn on_ack(&mut self, ack: &ControlAck, rate: &mut DeliveryRate) {
        match self {
            Self::Cubic(window) if ack.path.phase == Phase::Recovery => window.reduce(PrrAck {
                delivered: ack.sample.acked,
                in_flight: ack.path.in_flight,
                is_good: ack.advances && ack.sample.lost == 0,
            }),
            Self::Cubic(window) => {
                if ack.may_grow {
                    window.grow(ack.sample.acked, ack.path.now);
                }
            }
            Self::Bbr(bbr) => bbr.on_ack(&ack.sample, &ack.path, rate),
        }
    }

    /// Recovery begins. `is_undoable` keeps the way back.
    pub(crate) fn begin_reduction(&mut self, is_undoable: bool) {
        match self {
            Self::Cubic(window) => window.begin_reduction(is_undoable),
            Self::Bbr(bbr) => bbr.on_loss(),
        }
    }

    /// Recovery began without an acknowledgment: makes room for the first retransmission.
    pub(crate) fn reduce_by_time(&mut self, in_flight: u64) {
        match self {
            Self::Cubic(window) => window.reduce(PrrAck { delivered: 1, in_flight, is_good: false }),
            Self::Bbr(_) => {}
        }
    }

    /// Counts packets sent during a reduction.
    pub(crate) const fn on_sent_in_reduction(&mut self, packets: u64) {
        match self {
            Self::Cubic(window) => window.on_sent_in_reduction(packets),
            Self::Bbr(_) => {}
        }
    }

    /// Ends a reduction.
    pub(crate) fn end_reduction(&mut self, now: Time) {
        match self {
            Self::Cubic(window) => window.end_reduction(now),
            Self::Bbr(_) => {}
        }
    }

    /// A timeout: the window falls to what is in flight and one packet more. `is_new_loss` says that it is not part of
    /// a loss that was answered already.
    pub(crate) fn on_timeout(&mut self, is_new_loss: bool, path: &PathState) {
        match self {
            Self::Cubic(window) => {
                let is_in_reduction = path.phase == Phase::Recovery;
                window.on_timeout(is_new_loss, is_in_reduction, path.in_flight, path.now);
            }
            Self::Bbr(bbr) => bbr.on_timeout(is_new_loss, path.in_flight, path.totals),
        }
    }

    /// The reduction was for nothing.
    pub(crate) fn undo(&mut self, totals: Totals, now: Time) {
        match self {
            Self::Cubic(window) => window.undo(now),
            Self::Bbr(bbr) => bbr.undo(totals),
        }
    }

    /// Notes how much of the window an attempt to send used.
    pub(crate) fn on_send_attempt(&mut self, attempt: SendAttempt, slow_start_after_idle: bool, now: Time) {
        match self {
            Self::Cubic(window) => window.on_send_attempt(attempt, slow_start_after_idle, now),
            Self::Bbr(_) => {}
        }
    }

    /// Restarts after `idle` without sending; BBR's pace makes that needless.
    pub(crate) fn restart_after_idle(
        &mut self,
        idle: Duration,
        rto: Duration,
        is_in_reduction: bool,
        now: Time,
    ) {
        match self {
            Self::Cubic(window) => window.restart_after_idle(idle, rto, is_in_reduction, now),
            Self::Bbr(_) => {}
        }
    }

    /// Data leaves with nothing in flight, `idle` after the last, or as the very first.
    pub(crate) fn on_sending_begins(
        &mut self,
        idle: Option<Duration>,
        is_app_limited: bool,
        path: &PathState,
    ) {
        match self {
            Self::Cubic(window) => {
                if let Some(idle) = idle {
                    window.on_idle_end(idle, path.now);
                }
            }
            Self::Bbr(bbr) => {
                bbr.on_sending_begins(is_app_limited, path.smoothed_rtt, path.totals, path.now);
            }
        }
    }

    /// The application filled its send buffer rather than being slow: the window counts as used.
    pub(crate) const fn on_send_buffer_expanded(&mut self, now: Time) {
        match self {
            Self::Cubic(window) => window.on_send_buffer_expanded(now),
            Self::Bbr(_) => {}
        }
    }
}
