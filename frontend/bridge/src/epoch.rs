//! Statistics of one lane in the current epoch.

use serde::{Deserialize, Serialize};
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::GapReason;

use super::Ages;

/// Statistics of one lane in the current epoch: the time since the last change of the set-up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochStats {
    /// The epoch's number; the lane counts for an earlier epoch until it has handled the command that begins the next.
    pub number: u32,
    /// The epoch's beginning on the browser's clock; zero before the first one was announced.
    pub since: Time,
    /// Messages consumed, whenever they were produced.
    pub consumed: Amount,
    /// Messages in reported gaps, in the order of [`GapReason::ALL`].
    pub gaps: [u64; GapReason::ALL.len()],
    /// Messages that never came and that no gap explains.
    pub lost: u64,
    /// Messages that came twice and were not consumed again.
    pub duplicates: u64,
    /// Connections that followed a loss. A connection that another setting asked for does not count.
    pub reconnects: u64,
    /// Stalls (see [`super::Summary::STALL_MICROS`]) after the first message of the epoch.
    pub stalls: u64,
    /// Latency of the messages that were produced in the epoch and consumed in its last 30 s.
    pub latency: Ages,
    /// The part before the message left the session (hub and policy).
    pub latency_at_server: Ages,
    /// The part in transit (transport, network, browser).
    pub latency_in_transit: Ages,
    /// The part in the inbox and with the consumer.
    pub latency_in_inbox: Ages,
    /// Latency at [`super::Summary::CURVE`] evenly spaced points of the distribution's logit scale; see
    /// [`super::curve_share`].
    pub curve: Vec<u32>,
}

impl EpochStats {
    /// Fewer messages than this have no percentiles worth showing.
    pub const ENOUGH: u64 = 36;

    /// Returns statistics of an epoch in which nothing was counted yet.
    pub fn new(number: u32, since: Time) -> Self {
        Self { number, since, ..Self::default() }
    }

    /// Returns the latency, if enough messages were measured to show percentiles.
    pub fn measured(&self) -> Option<&Ages> {
        (self.latency.count >= Self::ENOUGH).then_some(&self.latency)
    }

    /// Returns how many messages were skipped, for whatever reason.
    pub fn gaps_total(&self) -> u64 {
        self.gaps.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_need_a_few_dozen_messages() {
        let with = |count| {
            let latency = Ages { count, p50: 1, p95: 2, p99: 3, max: 4 };
            EpochStats { latency, ..EpochStats::default() }
        };
        assert_eq!(with(EpochStats::ENOUGH - 1).measured(), None);
        assert_eq!(with(EpochStats::ENOUGH).measured().map(|ages| ages.p99), Some(3));
    }
}
