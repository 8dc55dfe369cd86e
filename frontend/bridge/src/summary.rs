//! Levels and totals of one lane.
//!
//! The worker measures them and sends a [`Summary`] with every [`super::Report`]. Invariant of the credit
//! gate: consumed ≤ sent ≤ limit ([`Credit`]).

use serde::{Deserialize, Serialize};
use sluice_shared::exhibit::ExhibitUse;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::{GapReason, Hop, PathSample, TransportFacts, Waiting};

use super::{DeliveryGap, EpochStats, FloodReport, Outage, TransportOpenTimes};

/// Levels and totals of one lane.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Queues of the pipeline's stages.
    pub hops: Hops,
    /// The credit gate.
    pub credit: Credit,
    /// Reason for which the server currently sends nothing, if any.
    pub waiting: Waiting,
    /// Messages and bytes consumed since the last reset.
    pub consumed: Amount,
    /// Messages and bytes consumed in the last second; `None` before a whole second has been measured.
    pub consumed_per_second: Option<Amount>,
    /// Statistics since the last change of the set-up.
    pub epoch: EpochStats,
    /// Messages skipped since the last reset, in the order of [`GapReason::ALL`].
    pub gaps: [u64; GapReason::ALL.len()],
    /// Newest run of skipped messages.
    pub newest_gap: Option<SkippedRun>,
    /// Messages that never arrived and were not reported as skipped. Always 0 unless something is broken.
    pub lost: u64,
    /// Messages that arrived twice; the second copy was not consumed.
    pub duplicates: u64,
    /// Connections after the first.
    pub reconnects: u64,
    /// Number of times that nothing was consumed for longer than [`Summary::STALL_MICROS`] although messages
    /// waited.
    pub stalls: u64,
    /// Smallest recent round-trip time of a heartbeat, microseconds.
    pub rtt_micros: Option<u64>,
    /// The server's clock minus this one, microseconds, estimated from the fastest recent heartbeat; `None`
    /// before the estimate is good enough, and for a lane without a session.
    pub clock_offset_micros: Option<i64>,
    /// Path statistics of the server's network stack.
    pub path: PathSample,
    /// Facts about the lane's transport; `None` before the first Welcome.
    pub facts: Option<TransportFacts>,
    /// The last loss of the connection.
    pub last_outage: Option<Outage>,
    /// Newest delivery gaps, oldest first; at most [`Summary::MAX_DELIVERY_GAPS`].
    pub delivery_gaps: Vec<DeliveryGap>,
    /// Time since which that list is complete; `None` before the first message.
    pub delivery_gaps_since: Option<Time>,
    /// Time of the last arrival of a message that was consumed since.
    pub last_arrival: Option<Time>,
    /// Opening times of the transports in the last attempt; only for a lane with fallback.
    pub transport_open_times: Option<TransportOpenTimes>,
    /// Total run time of this connection's task at the server, microseconds.
    pub core_micros: u64,
    /// Number of times that the server's transport accepted no more data.
    pub blocked_writes: u64,
    /// Resources used by a fault mode at the server.
    pub exhibit: Option<ExhibitUse>,
    /// State of its flood towards the server and of its heartbeats.
    pub flooding: FloodReport,
    /// Share of the worker's time spent receiving and consuming over the last second, 0 to 1.
    pub busy: f32,
    /// Share of the last second in which the consumer was processing a message, computing or sleeping, 0 to
    /// 1; `None` before a whole second has been measured.
    pub occupancy: Option<f32>,
}

impl Summary {
    /// Time without consumption, while messages wait, from which on it counts as a stall: 100 ms.
    pub const STALL_MICROS: u64 = 100_000;
    /// Time without an arrival from which on it counts as a delivery gap, if it is also twice as long as
    /// usual: 20 ms.
    pub const DELIVERY_GAP_MICROS: u64 = 20_000;
    /// Maximum number of delivery gaps kept.
    pub const MAX_DELIVERY_GAPS: usize = 16;
    /// Number of points on the latency curve.
    pub const CURVE: usize = 48;
}

/// Returns the share of messages at point `index` of the latency curve: from 1 % to 99.9 %, evenly spaced in
/// log-odds.
pub fn curve_share(index: usize) -> f64 {
    let (low, high) = ((0.01f64 / 0.99).ln(), (0.999f64 / 0.001).ln());
    let odds = (low + (high - low) * index as f64 / (Summary::CURVE - 1) as f64).exp();
    odds / (1.0 + odds)
}

/// Queue of each pipeline stage, in the order in which messages pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hops {
    /// The feed log from this lane's cursor to its head; `None` before the server has reported.
    pub backlog: Option<Hop>,
    /// The policy's queue; `None` before the server has reported.
    pub policy_queue: Option<Hop>,
    /// Sent by the session, not yet on the wire as far as the server's platform reports it; `None` before the
    /// server has reported.
    pub transport: Option<Hop>,
    /// Sent and not received: on the wire and in the browser's own buffers.
    pub transit: Hop,
    /// Received and not taken by the consumer. Its bound is the window.
    pub inbox: Hop,
    /// Being processed by the consumer.
    pub consumer: Hop,
}

/// State of the credit gate. Consumed ≤ sent ≤ limit, and limit − sent ≤ window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Total that the server may send on this connection.
    pub limit: Amount,
    /// Total that the server has sent, as last reported.
    pub sent: Amount,
    /// Total consumed.
    pub consumed: Amount,
    /// Amount that the server may send ahead of consumption: the receiver's window, or more while credit
    /// granted under a larger window is unused, since limits never shrink.
    pub window: Amount,
}

impl Credit {
    /// Returns the gate of a receiver with this `window`. `sent` is the sender's last report, which is one
    /// path delay old: anything `received` since then was sent as well.
    pub fn new(limit: Amount, window: Amount, sent: Amount, received: Amount, consumed: Amount) -> Self {
        let credit = Self {
            limit,
            sent: sent.max_each(received),
            consumed,
            window: window.max_each(limit - consumed),
        };
        debug_assert!(consumed.fits_within(credit.sent), "consumed before it was sent: {credit:?}");
        credit
    }

    /// Returns the sender's remaining credit.
    pub fn left(&self) -> Amount {
        let left = self.limit - self.sent;
        debug_assert!(left.fits_within(self.window), "more credit left than the window holds: {self:?}");
        left
    }
}

/// Percentiles of a duration, microseconds; all 0 if `count` is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ages {
    /// Number of measurements.
    pub count: u64,
    /// Median.
    pub p50: u64,
    /// 95th percentile.
    pub p95: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Largest.
    pub max: u64,
}

/// A run of messages that will never arrive, as last reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedRun {
    /// Stream of the messages.
    pub stream: u32,
    /// Position of the first message.
    pub first: u64,
    /// Position of the last message.
    pub last: u64,
    /// Reason for skipping them.
    pub reason: GapReason,
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn amount(messages: u64) -> Amount {
        Amount::new(messages, messages * 100)
    }

    #[test]
    fn credit_granted_under_a_larger_window_counts_until_it_is_used() {
        // Credit for 7,067 is left although the window has shrunk to 1,266.
        let credit = Credit::new(amount(8_192), amount(1_266), amount(1_125), amount(1_000), amount(900));
        assert_eq!((credit.left().messages, credit.window.messages), (7_067, 7_292));
        let used = Credit::new(amount(8_192), amount(1_266), amount(8_000), amount(7_900), amount(7_800));
        assert_eq!((used.left().messages, used.window.messages), (192, 1_266));
    }

    #[test]
    fn a_message_that_has_arrived_was_sent() {
        // The sender's last report is older than the messages that followed it.
        let credit = Credit::new(amount(571), amount(52), amount(52), amount(540), amount(519));
        assert_eq!((credit.sent, credit.left().messages, credit.window.messages), (amount(540), 31, 52));
    }

    #[test]
    fn without_a_limit_all_credit_is_left() {
        let credit = Credit::new(Amount::MAX, Amount::MAX, amount(9), amount(9), amount(3));
        assert_eq!(credit.window, Amount::MAX);
        assert!(credit.left().fits_within(credit.window));
    }
}
