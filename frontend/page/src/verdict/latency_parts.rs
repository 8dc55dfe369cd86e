//! Attributed parts of a lane's latency, as means per message.
//! The verdict names the largest part, or the part in which two lanes differ most.

/// Part of the latency, in the order in which a message passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatencyPart {
    /// In the server, except for credit wait and policy queue.
    Server,
    /// Waiting for credit: the consumer has granted no more.
    CreditWait,
    /// In the policy's queue.
    PolicyQueue,
    /// In the server's send queue, before the first transmission.
    SendQueue,
    /// In the queue of the network's bottleneck.
    Bottleneck,
    /// Propagation through the network.
    Propagation,
    /// Behind a lost packet until its retransmission arrives.
    Blocked,
    /// Between server and browser, on a connection that gives no details.
    Transit,
    /// In the browser's own buffers.
    Browser,
    /// Received and waiting for the consumer.
    Inbox,
    /// Held by the consumer.
    Consumer,
}

impl LatencyPart {
    /// All parts.
    pub const ALL: [Self; 11] = [
        Self::Server,
        Self::CreditWait,
        Self::PolicyQueue,
        Self::SendQueue,
        Self::Bottleneck,
        Self::Propagation,
        Self::Blocked,
        Self::Transit,
        Self::Browser,
        Self::Inbox,
        Self::Consumer,
    ];
}

/// Limit that a send queue waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendQueueWait {
    /// The congestion window.
    CongestionWindow,
    /// Pacing.
    Pacing,
    /// The receive window of the browser.
    PeerWindow,
}

/// Mean time per message in each part, microseconds; `None` where it cannot be measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencyParts {
    mean_micros: [Option<u64>; LatencyPart::ALL.len()],
    /// Limit that the send queue mostly waits for.
    pub send_queue_wait: Option<SendQueueWait>,
}

/// Part that explains a latency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct MainPart {
    pub(super) part: LatencyPart,
    /// Its share of the whole latency, 0 to 1.
    pub(super) share: f64,
}

/// Minimum share of a part that explains a latency.
const SMALLEST_SHARE: f64 = 0.2;

impl LatencyParts {
    /// Returns the same parts with the mean time of one of them.
    #[must_use]
    pub fn with(mut self, part: LatencyPart, mean_micros: u64) -> Self {
        self.mean_micros[part as usize] = Some(mean_micros);
        self
    }

    /// Returns the mean time in a part, microseconds.
    pub fn mean_micros(&self, part: LatencyPart) -> Option<u64> {
        self.mean_micros[part as usize]
    }

    /// Returns the sum of all known parts; `None` without any.
    pub fn total_micros(&self) -> Option<u64> {
        let known = self.mean_micros.iter().flatten();
        known.fold(None, |sum, micros| Some(sum.unwrap_or(0u64).saturating_add(*micros)))
    }

    /// Returns the part that explains why this latency is larger than another one, or, without another one, the
    /// largest part.
    pub(super) fn main_part(&self, other: Option<&Self>) -> Option<MainPart> {
        let total = self.total_micros().filter(|total| *total > 0)?;
        // A distance common to both lanes explains no difference between them.
        let other = other.filter(|other| other.total_micros().is_some());
        let excess = |part: LatencyPart| {
            let own = self.mean_micros(part).unwrap_or(0);
            own.saturating_sub(other.and_then(|other| other.mean_micros(part)).unwrap_or(0))
        };
        let part = LatencyPart::ALL.into_iter().max_by_key(|part| excess(*part))?;
        let share = self.mean_micros(part)? as f64 / total as f64;
        debug_assert!((0.0..=1.0).contains(&share), "a part is never larger than the whole");
        (excess(part) > 0 && share >= SMALLEST_SHARE).then_some(MainPart { part, share })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_that_both_lanes_have_does_not_explain_their_difference() {
        let near = LatencyParts::default().with(LatencyPart::Propagation, 50_000);
        let late = near.with(LatencyPart::Blocked, 40_000);
        assert_eq!(late.main_part(None).map(|main| main.part), Some(LatencyPart::Propagation));
        assert_eq!(late.main_part(Some(&near)).map(|main| main.part), Some(LatencyPart::Blocked));
    }

    #[test]
    fn unknown_parts_have_no_share() {
        assert_eq!(LatencyParts::default().total_micros(), None);
        assert_eq!(LatencyParts::default().main_part(None), None);
        let zero = LatencyParts::default().with(LatencyPart::Inbox, 0);
        assert_eq!(zero.main_part(None), None);
    }
}
