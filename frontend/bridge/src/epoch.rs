//! Statistics of one lane in the current epoch.

use serde::{Deserialize, Serialize};
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::GapReason;

use super::Ages;

/// Statistics of one lane in the current epoch: the time since the last change of the set-up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochStats {
    /// Number of the epoch; the lane counts for an earlier epoch until it has handled the command that begins
    /// the next.
    pub number: u32,
    /// Start of the epoch on the browser's clock; zero before the first one was announced.
    pub since: Time,
    /// Messages consumed in the epoch, including those produced before it.
    pub consumed: Amount,
    /// Messages reported as skipped, in the order of [`GapReason::ALL`].
    pub gaps: [u64; GapReason::ALL.len()],
    /// Messages that never arrived and were not reported as skipped.
    pub lost: u64,
    /// Messages that arrived twice; the second copy was not consumed.
    pub duplicates: u64,
    /// Connections after a loss. A reconnect caused by a changed setting does not count.
    pub reconnects: u64,
    /// Stalls (see [`super::Summary::STALL_MICROS`]) after the first message of the epoch.
    pub stalls: u64,
    /// Latency of the messages that were produced in the epoch and consumed in its last 30 s.
    pub latency: Ages,
    /// Part of the latency before the session sent the message (feed log and policy).
    pub latency_at_server: Ages,
    /// Part of the latency in transit (transport, network, browser).
    pub latency_in_transit: Ages,
    /// Part of the latency in the inbox and in the consumer.
    pub latency_in_inbox: Ages,
    /// Latency at [`super::Summary::CURVE`] evenly spaced points of the distribution's logit scale; see
    /// [`super::curve_share`].
    pub curve: Vec<u32>,
}

impl EpochStats {
    /// Smallest number of messages whose percentiles are worth showing.
    pub const ENOUGH: u64 = 36;

    /// Returns statistics of an epoch in which nothing was counted yet.
    pub fn new(number: u32, since: Time) -> Self {
        Self { number, since, ..Self::default() }
    }

    /// Returns the latency, if enough messages were measured to show percentiles.
    pub fn measured(&self) -> Option<&Ages> {
        (self.latency.count >= Self::ENOUGH).then_some(&self.latency)
    }

    /// Returns the number of skipped messages over all reasons.
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
