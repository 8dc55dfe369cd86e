//! Reports from a lane's worker to the page.
//!
//! A worker sends one [`Report`] for each [`super::Command::Report`]; the page draws its charts and fills its
//! log from them. Constants of [`Report`] bound its lists of samples and events.

use serde::{Deserialize, Serialize};
use sluice_shared::certificate::Certificate;
use sluice_shared::mode::Mode;
use sluice_shared::time::Time;

use super::{ConnectionEvent, Summary};

/// A worker's response to [`super::Command::Report`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Time at which the report was made.
    pub now: Time,
    /// State of the connection.
    pub connection: Connection,
    /// Levels and totals.
    pub summary: Summary,
    /// Columns of the latency chart that changed since the last report, oldest first.
    pub columns: Vec<AgeColumn>,
    /// Messages sampled since the last report, in the order of consumption; at most [`Report::MAX_DOTS`].
    pub dots: Vec<Dot>,
    /// Host readings consumed since the last report; at most [`Report::MAX_HOST`], the newest ones.
    pub host: Vec<HostReading>,
    /// Log entries since the last report; at most [`Report::MAX_NOTES`], the newest ones.
    pub notes: Vec<Note>,
    /// Connection events since the last report; at most [`Report::MAX_CONNECTION_EVENTS`], the newest ones.
    pub connection_events: Vec<ConnectionEvent>,
    /// Newest certificate, if it has not been reported yet.
    pub certificate: Option<Certificate>,
    /// Messages that a certificate in progress waits for.
    pub uncertified: Option<u64>,
}

impl Report {
    /// Maximum number of dots in one report.
    pub const MAX_DOTS: usize = 64;
    /// Maximum number of host readings in one report.
    pub const MAX_HOST: usize = 256;
    /// Maximum number of notes in one report.
    pub const MAX_NOTES: usize = 64;
    /// Maximum number of connection events in one report: 30 s of the fastest heartbeat, with some headroom.
    pub const MAX_CONNECTION_EVENTS: usize = 768;
}

/// The state of a lane's connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connection {
    /// No connection was requested.
    Idle,
    /// Being established.
    Connecting {
        /// Start of this state.
        since: Time,
    },
    /// Data may flow.
    Open {
        /// Start of this state.
        since: Time,
        /// Time from the first call to the server's Welcome, microseconds.
        ready_after_micros: u64,
        /// Mode in use, which differs from the lane's own after a fallback.
        mode: Mode,
    },
    /// Lost; the next attempt starts at `retry_at`.
    Waiting {
        /// Reason, as a sentence.
        reason: String,
        /// Start of the next attempt.
        retry_at: Time,
    },
    /// Failed permanently: retrying cannot help.
    Failed {
        /// Missing requirement and remaining options, as a sentence.
        reason: String,
    },
}

impl Connection {
    /// Returns the name used in tests and styles.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting { .. } => "connecting",
            Self::Open { .. } => "open",
            Self::Waiting { .. } => "waiting",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Latency and counts of the messages consumed within [`AgeColumn::WIDTH_MICROS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgeColumn {
    /// Start of the column, in columns since the Unix epoch.
    pub index: u64,
    /// Messages consumed.
    pub count: u32,
    /// Smallest latency, microseconds.
    pub min: u32,
    /// Mean latency, microseconds.
    pub mean: u32,
    /// Largest latency, microseconds.
    pub max: u32,
    /// Messages reported as skipped.
    pub gaps: u32,
    /// True if a stall ended in the column.
    pub stall: bool,
}

impl AgeColumn {
    /// Width of a column: 50 ms.
    pub const WIDTH_MICROS: u64 = 50_000;
    /// Columns on the chart: 30 s.
    pub const SHOWN: usize = 600;
}

/// Timestamps of one sampled message along the pipeline, all on the browser's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dot {
    /// Stream of the message.
    pub stream: u32,
    /// Position in the stream.
    pub seq: u64,
    /// Time at which the feed produced it.
    pub produced_at: Time,
    /// Time at which the session handed it to the transport.
    pub sent_at: Time,
    /// Time at which the worker received it.
    pub received_at: Time,
    /// Time at which the consumer took it.
    pub taken_at: Time,
    /// Time at which the consumer finished it.
    pub consumed_at: Time,
}

/// A reading of the host feed as this lane consumed it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostReading {
    /// Time of the measurement, on the browser's clock.
    pub produced_at: Time,
    /// Time at which this lane's consumer finished it.
    pub consumed_at: Time,
    /// Measured values.
    pub sample: sluice_shared::feed::HostSample,
}

/// A log entry about a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Time of the event.
    pub at: Time,
    /// Severity.
    pub level: Level,
    /// Text, as a sentence.
    pub text: String,
}

/// Severity of a log entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// Informational.
    Info,
    /// Deserves attention.
    Warning,
    /// Indicates a failure.
    Error,
}
