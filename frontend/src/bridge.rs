//! What the page and a lane's worker say to each other.
//!
//! Both directions are postcard in a `Uint8Array`. The worker speaks only when asked: the page sends
//! [`Command::Report`] at most once a frame and not again before the answer, so a slow worker is asked less and a
//! hidden page asks nothing. All times are microseconds since the Unix epoch as `performance` tells them, which page
//! and workers of one browser share.

use serde::{Deserialize, Serialize};
use sluice_shared::feed::FeedSpec;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::policy::Policy;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::{GapReason, Hop, PathSample, TransportFacts, Waiting};

/// What the page tells a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Connect, and stay connected until [`Command::Close`]. Replaces an earlier set-up.
    Open(Setup),
    /// Another consumer from here on.
    SetConsumer(Consumer),
    /// Another policy from here on.
    SetPolicy(Policy),
    /// Another window from here on.
    SetWindow(Window),
    /// Other feeds from here on.
    SetFeeds(Vec<FeedSpec>),
    /// Other endpoints: the server's certificate was renewed, or the lane takes another way.
    SetEndpoints(Endpoints),
    /// Forget all statistics, keep the connection.
    Reset,
    /// The network is back: try to reconnect at once.
    Online,
    /// Tell what there is to draw.
    Report,
    /// Close the connection for good.
    Close,
}

/// What a worker needs to run its lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// How messages are carried.
    pub mode: Mode,
    /// What is subscribed.
    pub feeds: Vec<FeedSpec>,
    /// What the server does with messages there is no credit for.
    pub policy: Policy,
    /// How much may be on the way.
    pub window: Window,
    /// How slow the consumer is.
    pub consumer: Consumer,
    /// Where to connect.
    pub endpoints: Endpoints,
}

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// `ws://…/ws` or `wss://…/ws`.
    pub websocket: String,
    /// `https://…/wt`.
    pub webtransport: String,
    /// SHA-256 hashes of the certificates that WebTransport may meet; empty when the browser's own roots decide.
    pub certificate_hashes: Vec<[u8; 32]>,
}

impl Endpoints {
    /// Where lanes of `mode` connect.
    pub fn url(&self, mode: Mode) -> &str {
        match mode.transport() {
            Transport::WebSocket => &self.websocket,
            Transport::WebTransport => &self.webtransport,
        }
    }
}

/// How much the receiver lets the server send ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// Always this much.
    Fixed(Amount),
    /// Twice the consumption rate times the round-trip time.
    Auto,
}

/// What the consumer does with each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    /// Time for one message, microseconds, 0 to [`Consumer::MAX_DELAY_MICROS`].
    pub delay_micros: u32,
    /// How the time passes.
    pub work: Work,
}

impl Consumer {
    /// The slowest consumer on offer: 50 ms a message.
    pub const MAX_DELAY_MICROS: u32 = 50_000;
}

/// How a consumer spends its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// It waits, and the worker's thread is free to receive.
    Sleep,
    /// It computes, and the worker's thread does nothing else.
    Busy,
}

/// What a worker answers to [`Command::Report`].
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
}

impl Report {
    /// Most dots in one report.
    pub const MAX_DOTS: usize = 64;
    /// Most host readings in one report.
    pub const MAX_HOST: usize = 256;
    /// Most notes in one report.
    pub const MAX_NOTES: usize = 64;
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
    /// What was consumed in the last second.
    pub consumed_per_second: Amount,
    /// Messages in gaps since the last reset, by [`GapReason::ALL`]'s order.
    pub gaps: [u64; GapReason::ALL.len()],
    /// Messages that never came and that no gap explains. Always 0 unless something is broken.
    pub lost: u64,
    /// Messages that came twice and were not consumed again.
    pub duplicates: u64,
    /// Connections after the first.
    pub reconnects: u64,
    /// Times that nothing was consumed for longer than [`Summary::STALL_MICROS`] although messages waited.
    pub stalls: u64,
    /// Age when consumed, over the last 30 s.
    pub age: Ages,
    /// Of that age, the part before the message left the session (hub and policy).
    pub age_at_server: Ages,
    /// Of that age, the part on the way (transport, network, browser).
    pub age_in_transit: Ages,
    /// Of that age, the part in the inbox.
    pub age_in_inbox: Ages,
    /// Ages at [`Summary::CURVE`] evenly spaced points of the distribution's logit scale; see [`curve_share`].
    pub age_curve: Vec<u32>,
    /// Smallest recent heartbeat round trip, microseconds.
    pub rtt_micros: Option<u64>,
    /// The server's clock minus this one, microseconds, as estimated by the fastest recent heartbeat.
    pub clock_offset_micros: i64,
    /// The path as the server's stack sees it.
    pub path: PathSample,
    /// What carries the lane; `None` before the first Welcome.
    pub facts: Option<TransportFacts>,
    /// Share of the worker's time spent receiving and consuming over the last second, 0 to 1.
    pub busy: f32,
}

impl Summary {
    /// A silence of this length with messages waiting is a stall: 100 ms.
    pub const STALL_MICROS: u64 = 100_000;
    /// Points on the age curve.
    pub const CURVE: usize = 48;
}

/// The share of messages at point `index` of the age curve: from 1 % to 99.9 %, evenly spaced in log-odds.
pub fn curve_share(index: usize) -> f64 {
    let (low, high) = ((0.01f64 / 0.99).ln(), (0.999f64 / 0.001).ln());
    let odds = (low + (high - low) * index as f64 / (Summary::CURVE - 1) as f64).exp();
    odds / (1.0 + odds)
}

/// What waits at each hop, in the order in which messages pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hops {
    /// The hub's log from this lane's cursor to its head.
    pub backlog: Hop,
    /// The policy's queue.
    pub policy_queue: Hop,
    /// Sent by the session, not yet on the wire as far as the server's platform tells.
    pub transport: Hop,
    /// Sent and not received: on the wire and in the browser's own buffers.
    pub transit: Hop,
    /// Received and not taken by the consumer. Its bound is the window.
    pub inbox: Hop,
    /// In the consumer's hands.
    pub consumer: Hop,
}

/// The credit gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// What the server may send in total on this connection.
    pub limit: Amount,
    /// What it has sent, as last heard.
    pub sent: Amount,
    /// What was consumed.
    pub consumed: Amount,
    /// How far ahead of consumption it may send.
    pub window: Amount,
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
