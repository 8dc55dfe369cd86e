//! What a worker tells the page.

use serde::{Deserialize, Serialize};
use sluice_shared::certificate::Certificate;
use sluice_shared::mode::Mode;
use sluice_shared::time::Time;

use super::{ConnectionEvent, Summary};

/// What a worker answers to [`super::Command::Report`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When this was made.
    pub now: Time,
    /// The connection.
    pub connection: Connection,
    /// Levels and totals.
    pub summary: Summary,
    /// Columns of the age chart that changed since the last report, oldest first.
    pub columns: Vec<AgeColumn>,
    /// Messages sampled since the last report, in the order of consumption; at most [`Report::MAX_DOTS`].
    pub dots: Vec<Dot>,
    /// Readings of the host feed consumed since the last report; at most [`Report::MAX_HOST`], the newest ones.
    pub host: Vec<HostReading>,
    /// What happened since the last report; at most [`Report::MAX_NOTES`], the newest ones.
    pub notes: Vec<Note>,
    /// The connection's life since the last report; at most [`Report::MAX_CONNECTION_EVENTS`] events, the newest ones.
    pub connection_events: Vec<ConnectionEvent>,
    /// The newest certificate, if there is one that has not been told.
    pub certificate: Option<Certificate>,
    /// Messages that a certificate on the way waits for.
    pub uncertified: Option<u64>,
}

impl Report {
    /// Most dots in one report.
    pub const MAX_DOTS: usize = 64;
    /// Most host readings in one report.
    pub const MAX_HOST: usize = 256;
    /// Most notes in one report.
    pub const MAX_NOTES: usize = 64;
    /// Most events of the connection's life in one report: 30 s of the fastest heartbeat, and some.
    pub const MAX_CONNECTION_EVENTS: usize = 768;
}

/// The state of a lane's connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connection {
    /// Not asked to connect.
    Idle,
    /// On the way.
    Connecting {
        /// Since when.
        since: Time,
    },
    /// Data may flow.
    Open {
        /// Since when.
        since: Time,
        /// From the first call to the server's Welcome, microseconds.
        ready_after_micros: u64,
        /// How messages are carried: another way than the lane's own when it has fallen back.
        mode: Mode,
    },
    /// Lost, and tried again at `retry_at`.
    Waiting {
        /// What happened, in a sentence.
        reason: String,
        /// When the next try starts.
        retry_at: Time,
    },
    /// Given up: trying again cannot help.
    Failed {
        /// What is missing and what still works, in a sentence.
        reason: String,
    },
}

impl Connection {
    /// The name that tests and styles read.
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

/// What was consumed in [`AgeColumn::WIDTH_MICROS`] of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgeColumn {
    /// When the column begins, in columns since the Unix epoch.
    pub index: u64,
    /// Messages consumed.
    pub count: u32,
    /// Smallest age, microseconds.
    pub min: u32,
    /// Mean age, microseconds.
    pub mean: u32,
    /// Largest age, microseconds.
    pub max: u32,
    /// Messages reported in gaps.
    pub gaps: u32,
    /// Whether a stall ended here.
    pub stall: bool,
}

impl AgeColumn {
    /// A column's width, 50 ms.
    pub const WIDTH_MICROS: u64 = 50_000;
    /// Columns on the chart: 30 s.
    pub const SHOWN: usize = 600;
}

/// One real message on its way. All times are on the browser's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dot {
    /// Its stream.
    pub stream: u32,
    /// Its position in the stream.
    pub seq: u64,
    /// When the feed made it.
    pub produced_at: Time,
    /// When the session handed it to the transport.
    pub sent_at: Time,
    /// When the worker received it.
    pub received_at: Time,
    /// When the consumer took it.
    pub taken_at: Time,
    /// When the consumer was done with it.
    pub consumed_at: Time,
}

/// A reading of the host feed as this lane consumed it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostReading {
    /// When it was taken, on the browser's clock.
    pub produced_at: Time,
    /// When this lane's consumer was done with it.
    pub consumed_at: Time,
    /// What it says.
    pub sample: sluice_shared::feed::HostSample,
}

/// Something that happened on a lane, for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Time,
    /// How much it matters.
    pub level: Level,
    /// What, in a sentence.
    pub text: String,
}

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// For the record.
    Info,
    /// Worth a look.
    Warning,
    /// Something is wrong.
    Error,
}
