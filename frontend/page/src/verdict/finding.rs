//! Output of the verdict: findings with their kind, severity, lanes and sentence.
//! Produced by the modules of the verdict and rendered by the page.

use sluice_shared::policy::Policy;
use sluice_shared::wire::GapReason;

use super::latency_parts::{LatencyPart, SendQueueWait};
use super::sentence::Piece;

/// Statement about the lanes.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its kind.
    pub kind: FindingKind,
    /// Its severity.
    pub severity: Severity,
    /// Lanes concerned, by position from the top.
    pub lanes: Vec<usize>,
    /// Lane that is called the better one, if any.
    pub better: Option<usize>,
    /// The measured cause.
    pub cause: Option<Cause>,
    /// Part of the system that is at fault, if known.
    pub fault: Option<Fault>,
    /// The sentence.
    pub sentence: Vec<Piece>,
}

impl Finding {
    /// Returns a remark without a cause.
    pub(super) fn info(kind: FindingKind, lanes: Vec<usize>, sentence: Vec<Piece>) -> Self {
        Self { kind, severity: Severity::Info, lanes, better: None, cause: None, fault: None, sentence }
    }
}

/// Kind of a finding, in the order of importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// There is no lane.
    NoLane,
    /// A lane has never been connected.
    CannotConnect,
    /// A lane is without the connection that it had.
    ConnectionLost,
    /// A lane is connected and receives nothing.
    NothingArrives,
    /// A lane's first attempts are under way.
    Connecting,
    /// A lane has not been asked to connect.
    Closed,
    /// A lane uses WebSocket in place of WebTransport.
    FellBack,
    /// A lane lost messages without a report.
    UnreportedLoss,
    /// A lane's server fails on purpose.
    FaultMode,
    /// An outage is in progress.
    Outage,
    /// A change is in progress.
    ChangeInProgress,
    /// A lane had to connect again.
    Reconnected,
    /// A lane's connection moved to another network path.
    Migrated,
    /// A lane's connection has outlived an outage.
    OutlivedOutage,
    /// A lane skipped messages and reported them.
    Skipped,
    /// A lane consumes less than is offered.
    CannotKeepUp,
    /// There are not enough messages for a comparison.
    Measuring,
    /// There are messages, but no latencies.
    LatencyUnknown,
    /// A lane has a lower latency that cannot be compared.
    LatencyNotComparable,
    /// A lane has a lower latency because it skips messages.
    FresherBySkipping,
    /// Latencies or stalls differ.
    LatencyDiffers,
    /// Median, 99th percentile and stalls differ in different directions.
    LatencyMixed,
    /// The latency of the only measured lane.
    SingleLatency,
    /// The machine is saturated.
    MachineSaturated,
    /// Latencies and stalls do not differ, but something else does.
    LatencyAlike,
    /// Nothing differs.
    NoDifference,
}

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// For information.
    Info,
    /// Worth attention.
    Warning,
    /// Messages are lost or do not arrive.
    Failure,
}

/// Part of the system that is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The consumer of the lane.
    Consumer,
    /// The lane's policy or fault mode.
    Policy,
    /// The sender's congestion control.
    CongestionControl,
    /// The network.
    Network,
    /// The transport protocol: its order, its datagrams, its fallback.
    Transport,
    /// The server.
    Server,
    /// The machine that runs everything.
    Machine,
}

/// Measured cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The network blocks UDP.
    UdpBlocked,
    /// The network is in an outage.
    Outage,
    /// An outage has ended, and the transport has not retransmitted yet.
    OutageEnded,
    /// The consumer has granted no more credit.
    NoCredit,
    /// The server has nothing to send.
    NoData,
    /// The server's transport takes no more.
    TransportFull,
    /// Each connection begins a new session.
    StartsOver,
    /// The server fails on purpose.
    FaultMode(Policy),
    /// The most frequent reason of skipped messages.
    Skipped(GapReason),
    /// A part of the latency.
    Latency {
        /// The part.
        part: LatencyPart,
        /// Limit that the send queue waits for; only for that part.
        wait: Option<SendQueueWait>,
        /// Packet that blocked the latest write; only for time behind lost packets.
        lost_packet: Option<u64>,
    },
    /// Load of the machine.
    MachineLoad,
}

impl Cause {
    /// Returns the part of the system that is at fault. `is_consumer_slow` is whether the lane's consumer can
    /// hardly keep up with what is offered.
    pub fn fault(self, is_consumer_slow: bool) -> Option<Fault> {
        match self {
            Self::UdpBlocked | Self::Outage | Self::OutageEnded => Some(Fault::Network),
            Self::NoCredit => Some(Fault::Consumer),
            Self::NoData => Some(Fault::Server),
            Self::StartsOver | Self::FaultMode(_) => Some(Fault::Policy),
            Self::TransportFull => None,
            Self::Skipped(reason) => match reason {
                GapReason::Conflated | GapReason::DroppedOldest | GapReason::DroppedNewest => {
                    Some(Fault::Policy)
                }
                GapReason::TooLarge => Some(Fault::Transport),
                GapReason::Network => Some(Fault::Network),
                GapReason::Expired => Some(Fault::Server),
                GapReason::Retention => None,
            },
            Self::Latency { part, wait, .. } => part_fault(part, wait, is_consumer_slow),
            Self::MachineLoad => Some(Fault::Machine),
        }
    }
}

fn part_fault(part: LatencyPart, wait: Option<SendQueueWait>, is_consumer_slow: bool) -> Option<Fault> {
    match part {
        LatencyPart::Server => Some(Fault::Server),
        // A fast consumer runs out of credit if its window is small or arrivals are blocked, which is no
        // fault by itself.
        LatencyPart::CreditWait => is_consumer_slow.then_some(Fault::Consumer),
        LatencyPart::Inbox | LatencyPart::Consumer => Some(Fault::Consumer),
        // A policy's queue also fills before a consumer that grants too little credit.
        LatencyPart::PolicyQueue => Some(if is_consumer_slow { Fault::Consumer } else { Fault::Policy }),
        LatencyPart::SendQueue => match wait {
            Some(SendQueueWait::CongestionWindow | SendQueueWait::Pacing) => Some(Fault::CongestionControl),
            Some(SendQueueWait::PeerWindow) => Some(Fault::Consumer),
            None => None,
        },
        LatencyPart::Bottleneck | LatencyPart::Propagation => Some(Fault::Network),
        LatencyPart::Blocked => Some(Fault::Transport),
        LatencyPart::Transit => None,
        // A consumer that blocks its thread keeps the browser from handing messages over.
        LatencyPart::Browser => Some(if is_consumer_slow { Fault::Consumer } else { Fault::Machine }),
    }
}
