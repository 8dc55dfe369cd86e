//! Levels and totals of one lane.

use serde::{Deserialize, Serialize};
use sluice_shared::exhibit::ExhibitUse;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::{GapReason, Hop, PathSample, TransportFacts, Waiting};

use super::{DeliveryGap, EpochStats, FloodReport, Outage, TransportOpenTimes};

/// Levels and totals of one lane.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// What waits where.
    pub hops: Hops,
    /// The credit gate.
    pub credit: Credit,
    /// Why the server sends nothing, if so.
    pub waiting: Waiting,
    /// What was consumed since the last reset.
    pub consumed: Amount,
    /// What was consumed in the last second; `None` before a whole second has been measured.
    pub consumed_per_second: Option<Amount>,
    /// Statistics since the last change of the set-up.
    pub epoch: EpochStats,
    /// Messages in gaps since the last reset, by [`GapReason::ALL`]'s order.
    pub gaps: [u64; GapReason::ALL.len()],
    /// The newest gap.
    pub newest_gap: Option<SkippedRun>,
    /// Messages that never came and that no gap explains. Always 0 unless something is broken.
    pub lost: u64,
    /// Messages that came twice and were not consumed again.
    pub duplicates: u64,
    /// Connections after the first.
    pub reconnects: u64,
    /// Times that nothing was consumed for longer than [`Summary::STALL_MICROS`] although messages waited.
    pub stalls: u64,
    /// Smallest recent heartbeat round trip, microseconds.
    pub rtt_micros: Option<u64>,
    /// The server's clock minus this one, microseconds, as estimated by the fastest recent heartbeat; `None` before
    /// that is known well enough, and of a lane that has no session.
    pub clock_offset_micros: Option<i64>,
    /// The path as the server's stack sees it.
    pub path: PathSample,
    /// What carries the lane; `None` before the first Welcome.
    pub facts: Option<TransportFacts>,
    /// The last loss of the connection.
    pub last_outage: Option<Outage>,
    /// The newest silences, oldest first; at most [`Summary::MAX_DELIVERY_GAPS`].
    pub delivery_gaps: Vec<DeliveryGap>,
    /// Since when all of them are remembered; `None` before the first message.
    pub delivery_gaps_since: Option<Time>,
    /// How long the transports of the last try took; only of a lane that falls back.
    pub transport_open_times: Option<TransportOpenTimes>,
    /// For how long the server's task of this connection has run in total, microseconds.
    pub core_micros: u64,
    /// How often the server's transport took no more.
    pub blocked_writes: u64,
    /// What a failure exhibit has used at the server.
    pub exhibit: Option<ExhibitUse>,
    /// What it floods the server with, and its heartbeats.
    pub flooding: FloodReport,
    /// Share of the worker's time spent receiving and consuming over the last second, 0 to 1.
    pub busy: f32,
    /// Share of the last second in which the consumer had a message in its hands, 0 to 1, whether it computed or slept;
    /// `None` before a whole second has been measured.
    pub occupancy: Option<f32>,
}

impl Summary {
    /// A silence of this length with messages waiting is a stall: 100 ms.
    pub const STALL_MICROS: u64 = 100_000;
    /// Nothing arriving for this long is a silence, if it is twice as long as usual: 20 ms.
    pub const DELIVERY_GAP_MICROS: u64 = 20_000;
    /// Silences that are kept.
    pub const MAX_DELIVERY_GAPS: usize = 16;
    /// Points on the latency curve.
    pub const CURVE: usize = 48;
}

/// The share of messages at point `index` of the latency curve: from 1 % to 99.9 %, evenly spaced in log-odds.
pub fn curve_share(index: usize) -> f64 {
    let (low, high) = ((0.01f64 / 0.99).ln(), (0.999f64 / 0.001).ln());
    let odds = (low + (high - low) * index as f64 / (Summary::CURVE - 1) as f64).exp();
    odds / (1.0 + odds)
}

/// What waits at each hop, in the order in which messages pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hops {
    /// The hub's log from this lane's cursor to its head; `None` before the server has reported.
    pub backlog: Option<Hop>,
    /// The policy's queue; `None` before the server has reported.
    pub policy_queue: Option<Hop>,
    /// Sent by the session, not yet on the wire as far as the server's platform tells; `None` before it has reported.
    pub transport: Option<Hop>,
    /// Sent and not received: on the wire and in the browser's own buffers.
    pub transit: Hop,
    /// Received and not taken by the consumer. Its bound is the window.
    pub inbox: Hop,
    /// In the consumer's hands.
    pub consumer: Hop,
}

/// The credit gate. Consumed ≤ sent ≤ limit, and limit − sent ≤ window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// What the server may send in total on this connection.
    pub limit: Amount,
    /// What it has sent, as last heard.
    pub sent: Amount,
    /// What was consumed.
    pub consumed: Amount,
    /// How far ahead of consumption it may send: the receiver's window, or more as long as credit granted under a
    /// larger window is unused, since limits never shrink.
    pub window: Amount,
}

impl Credit {
    /// Returns the gate of a receiver whose window is `window`. `sent` is what the sender has said, which is as old as
    /// the way from it: what was `received` meanwhile was sent as well.
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

    /// Returns what the sender may still send.
    pub fn left(&self) -> Amount {
        let left = self.limit - self.sent;
        debug_assert!(left.fits_within(self.window), "more credit left than the window holds: {self:?}");
        left
    }
}

/// Percentiles of a span, microseconds; all 0 when `count` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ages {
    /// How many were measured.
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

/// Run of messages that will not come, as last reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedRun {
    /// Their stream.
    pub stream: u32,
    /// The first of the last run that was reported.
    pub first: u64,
    /// The last of that run.
    pub last: u64,
    /// Why.
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
        // 7,067 were left of a window that has shrunk to 1,266 meanwhile.
        let credit = Credit::new(amount(8_192), amount(1_266), amount(1_125), amount(1_000), amount(900));
        assert_eq!((credit.left().messages, credit.window.messages), (7_067, 7_292));
        let used = Credit::new(amount(8_192), amount(1_266), amount(8_000), amount(7_900), amount(7_800));
        assert_eq!((used.left().messages, used.window.messages), (192, 1_266));
    }

    #[test]
    fn a_message_that_has_arrived_was_sent() {
        // The sender's last word is older than the messages behind it.
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
