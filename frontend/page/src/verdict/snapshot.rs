//! Input of the verdict: the measurements of all lanes since the last change.
//! Built by the engine. A missing measurement is `None`.

use sluice_shared::lab::{LabReport, LateWrite};
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::policy::Policy;
use sluice_shared::wire::GapReason;

use super::latency_parts::LatencyParts;

/// Measurements of all lanes at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Span that all statistics belong to.
    pub epoch: Epoch,
    /// Disruption in progress.
    pub in_progress: Option<Disruption>,
    /// Time since the last outage ended, microseconds; `None` without one, or while one is in progress.
    pub outage_ended_micros: Option<u64>,
    /// Load of the machine that runs browser, server and emulator.
    pub machine: MachineLoad,
    /// True if the emulated network is known to block UDP.
    pub is_udp_blocked: bool,
    /// Lanes from the top.
    pub lanes: Vec<LaneSnapshot>,
}

/// Span since the last change, to which all statistics belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Age, microseconds.
    pub since_micros: u64,
    /// The change that began it.
    pub cause: Change,
}

/// A change that begins an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The page was opened, or its statistics were reset.
    Start,
    /// Network settings, or an event of the network.
    Network,
    /// Speed or kind of a consumer.
    Consumer,
    /// Policy or credit window.
    Policy,
    /// Rate, size or streams of the feed.
    Feed,
    /// Lanes were added, removed or reconfigured.
    Lanes,
}

/// Disruption in progress. No statistics are compared until it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disruption {
    /// The emulated network lets nothing through.
    Outage {
        /// Duration so far, microseconds.
        for_micros: u64,
        /// Time until its scheduled end, microseconds.
        left_micros: Option<u64>,
    },
    /// The client's address is changing.
    PathChange {
        /// Duration so far, microseconds.
        for_micros: u64,
    },
    /// New settings have been sent and are not confirmed.
    Pending {
        /// Their kind.
        change: Change,
        /// Duration so far, microseconds.
        for_micros: u64,
    },
}

/// Load of the machine, shares from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MachineLoad {
    /// All cores together.
    pub cpu: Option<f64>,
    /// The emulator, of one core.
    pub emulator: Option<f64>,
    /// The page's main thread.
    pub page: Option<f64>,
}

/// Saturated resource of the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SaturatedResource {
    /// All cores.
    Cpu(f64),
    /// The core of the emulator.
    Emulator(f64),
    /// The page's main thread.
    Page(f64),
}

impl MachineLoad {
    /// Share from which on all cores count as saturated.
    pub const HIGH_CPU: f64 = 0.9;
    /// Share from which on the page's main thread counts as saturated.
    pub const HIGH_PAGE: f64 = 0.9;

    /// Returns the first saturated resource.
    pub fn saturated(&self) -> Option<SaturatedResource> {
        let over = |share: Option<f64>, limit: f64| {
            share.filter(|share| share.is_finite() && *share >= limit).map(|share| share.min(1.0))
        };
        over(self.cpu, Self::HIGH_CPU)
            .map(SaturatedResource::Cpu)
            .or_else(|| over(self.emulator, f64::from(LabReport::HIGH_LOAD)).map(SaturatedResource::Emulator))
            .or_else(|| over(self.page, Self::HIGH_PAGE).map(SaturatedResource::Page))
    }
}

/// Measurements of one lane.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneSnapshot {
    /// Mode that it is set to.
    pub mode: Mode,
    /// True if WebTransport is raced with WebSocket.
    pub has_fallback: bool,
    /// The server's rule for messages without credit, fault modes included.
    pub policy: Policy,
    /// True if each connection begins a new session, as a reloading page does.
    pub starts_over: bool,
    /// True if it bypasses the emulated network.
    pub is_direct: bool,
    /// The connection.
    pub connection: ConnectionSnapshot,
    /// True if it has been connected since it was last configured.
    pub was_connected: bool,
    /// Time since the last arrival, microseconds; `None` before the first one.
    pub last_arrival_micros: Option<u64>,
    /// True if the feed is expected to produce.
    pub is_feed_running: bool,
    /// State of the server's sender, as last reported.
    pub sender: Option<SenderState>,
    /// Time that the simulated consumer takes for a message, microseconds.
    pub consumer_delay_micros: u64,
    /// Share of the time in which the consumer's thread is busy, 0 to 1.
    pub consumer_busy: Option<f64>,
    /// Messages consumed in the epoch.
    pub consumed: u64,
    /// Messages per second produced for this lane; over the epoch, or its last seconds.
    pub offered_per_second: Option<u64>,
    /// Messages per second consumed; over the same span.
    pub consumed_per_second: Option<u64>,
    /// Messages lost without a report.
    pub unreported: UnreportedLoss,
    /// Messages skipped and reported in the epoch, in the order of [`GapReason::ALL`].
    pub skipped: [u64; GapReason::ALL.len()],
    /// Interruptions that ended in the epoch.
    pub interruptions: Vec<Interruption>,
    /// Latency in the epoch.
    pub latency: Option<Latency>,
    /// Stalls in the epoch: times that nothing was consumed for [`LaneSnapshot::STALL_MICROS`] although
    /// messages waited.
    pub stalls: Option<u64>,
    /// Attributed parts of the latency.
    pub parts: LatencyParts,
    /// Latest of the recent writes.
    pub worst_write: Option<LateWrite>,
}

impl LaneSnapshot {
    /// Length of a stall: 100 ms.
    pub const STALL_MICROS: u64 = 100_000;
    /// Share of its time from which on a consumer counts as slow.
    const SLOW_CONSUMER: f64 = 0.8;

    /// Returns whether the consumer can hardly keep up with what is offered.
    pub fn is_consumer_slow(&self) -> bool {
        let needed = match self.offered_per_second {
            Some(rate) => self.consumer_delay_micros as f64 * rate as f64 / 1e6,
            // Without a rate, any delay may be too much.
            None if self.consumer_delay_micros > 0 => 1.0,
            None => 0.0,
        };
        needed >= Self::SLOW_CONSUMER || self.consumer_busy.is_some_and(|busy| busy >= Self::SLOW_CONSUMER)
    }

    /// Returns the number of messages skipped and reported, for any reason.
    pub fn skipped_total(&self) -> u64 {
        self.skipped.iter().fold(0, |sum, messages| sum.saturating_add(*messages))
    }

    /// Returns whether the lane is connected by another transport than the one it is set to.
    pub fn has_fallen_back(&self) -> bool {
        match self.connection {
            ConnectionSnapshot::Open { mode, .. } => mode.transport() != self.mode.transport(),
            ConnectionSnapshot::Idle
            | ConnectionSnapshot::Connecting { .. }
            | ConnectionSnapshot::Waiting { .. }
            | ConnectionSnapshot::Failed { .. } => false,
        }
    }

    /// Returns the transport in use, or the one that is tried.
    pub fn transport(&self) -> Transport {
        match self.connection {
            ConnectionSnapshot::Open { mode, .. } => mode.transport(),
            ConnectionSnapshot::Idle
            | ConnectionSnapshot::Connecting { .. }
            | ConnectionSnapshot::Waiting { .. }
            | ConnectionSnapshot::Failed { .. } => self.mode.transport(),
        }
    }
}

/// State of a lane's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionSnapshot {
    /// Not asked to connect.
    Idle,
    /// An attempt is under way.
    Connecting {
        /// Time without a connection, earlier attempts included, microseconds.
        for_micros: u64,
    },
    /// Data may flow.
    Open {
        /// Age of the connection, microseconds.
        for_micros: u64,
        /// The mode in use: another one than the lane's after a fallback.
        mode: Mode,
    },
    /// No connection; the next attempt is scheduled.
    Waiting {
        /// Time without a connection, microseconds.
        for_micros: u64,
        /// The reason, in a sentence.
        reason: String,
        /// Time until the next attempt, microseconds.
        retry_in_micros: Option<u64>,
    },
    /// No connection and no further attempt.
    Failed {
        /// Time without a connection, microseconds.
        for_micros: u64,
        /// The reason, in a sentence.
        reason: String,
    },
}

/// State of the server's sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderState {
    /// It sends.
    Flowing,
    /// It has nothing to send.
    NoData,
    /// The receiver has granted no more credit.
    NoCredit,
    /// The transport takes no more.
    TransportFull,
}

/// Messages lost without a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnreportedLoss {
    /// In the epoch.
    pub in_epoch: u64,
    /// Since the lane was opened or reset.
    pub in_total: u64,
}

/// Time without data that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// How it ended.
    pub kind: InterruptionKind,
    /// Time without data, microseconds.
    pub without_data_micros: Option<u64>,
    /// Messages lost by it without a report.
    pub lost: Option<u64>,
    /// Messages skipped by it and reported.
    pub skipped: Option<u64>,
}

/// End of an interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptionKind {
    /// A new connection.
    Reconnect,
    /// The connection moved to another network path.
    Migration,
    /// The network lets packets through again, and the connection has outlived the outage.
    Outage,
}

/// Latency of consumed messages, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Messages measured.
    pub count: u64,
    /// Median.
    pub p50_micros: u64,
    /// 99th percentile; meaningful from [`Latency::ENOUGH_FOR_P99`] messages on.
    pub p99_micros: u64,
}

impl Latency {
    /// Minimum number of messages for any comparison.
    pub const ENOUGH: u64 = 50;
    /// Minimum number of messages for a meaningful 99th percentile.
    pub const ENOUGH_FOR_P99: u64 = 200;

    /// Returns the 99th percentile if enough messages were measured.
    pub fn p99(&self) -> Option<u64> {
        (self.count >= Self::ENOUGH_FOR_P99).then_some(self.p99_micros)
    }
}
