//! Commands from the page to a lane's worker, and the settings that they carry.
//!
//! The page sends them as postcard and the worker applies them in order. A setting is always replaced as a
//! whole. Only [`Command::Report`] has a response.

use serde::{Deserialize, Serialize};
use sluice_shared::feed::FeedSpec;
use sluice_shared::flood::FloodStyle;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::policy::Policy;
use sluice_shared::session::Heartbeat;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;

/// A command from the page to a lane's worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Connect, and stay connected until [`Command::Close`]. Replaces an earlier set-up.
    Open(Setup),
    /// Replace the consumer.
    SetConsumer(Consumer),
    /// Replace the delivery policy.
    SetPolicy(Policy),
    /// Replace the receive window.
    SetWindow(Window),
    /// Replace the subscribed feeds.
    SetFeeds(Vec<FeedSpec>),
    /// Replace the heartbeat, recovery and fallback settings.
    SetUpkeep(Upkeep),
    /// Limit the payload of WebSocket frames from the server to this many bytes; 0 for whole messages.
    SetFragments(u32),
    /// Replace the endpoints: the server's certificate was renewed, or the lane uses another network path.
    SetEndpoints(Endpoints),
    /// Flood the server, unless an earlier flood is in progress.
    Flood {
        /// Sending style.
        style: FloodStyle,
        /// Size, bytes; at most [`sluice_shared::flood::Flood::MAX_BYTES`].
        bytes: u64,
    },
    /// Stop handing blocks of the flood to the browser.
    StopFlood,
    /// Discard all statistics, keep the connection.
    Reset,
    /// Begin an epoch: [`super::EpochStats`] restart at zero, the totals continue.
    BeginEpoch {
        /// Number of the epoch; later epochs have larger ones.
        number: u32,
        /// Start of the epoch on the browser's clock. Messages produced earlier do not count in its latency.
        since: Time,
    },
    /// The network is back: reconnect immediately.
    Online,
    /// Send a [`super::Report`].
    Report,
    /// Close the connection permanently.
    Close,
    /// Check continuity now and produce a certificate; the lane also does so periodically.
    Certify,
}

/// Settings with which a worker runs its lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// Transport and ordering of messages.
    pub mode: Mode,
    /// Subscribed feeds.
    pub feeds: Vec<FeedSpec>,
    /// Server's policy for messages without credit.
    pub policy: Policy,
    /// Amount of data the server may send ahead of consumption.
    pub window: Window,
    /// Simulated consumer.
    pub consumer: Consumer,
    /// Heartbeat, recovery and fallback.
    pub upkeep: Upkeep,
    /// Maximum payload of a WebSocket frame from the server, bytes; 0 for whole messages.
    pub fragment_bytes: u32,
    /// Endpoints to connect to.
    pub endpoints: Endpoints,
}

/// Heartbeat, recovery and fallback settings of a lane's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upkeep {
    /// Interval and timeout of the heartbeat.
    pub heartbeat: Heartbeat,
    /// Reaction to a lost connection.
    pub recovery: Recovery,
    /// True if WebTransport races WebSocket and falls back to it.
    pub falls_back: bool,
}

/// Reaction to the loss of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recovery {
    /// Resume the session at its last position.
    #[default]
    Resume,
    /// Start a new session, as a page reload does: the naive approach.
    StartOver,
}

impl Recovery {
    /// All reactions, in display order.
    pub const ALL: [Self; 2] = [Self::Resume, Self::StartOver];

    /// Returns the name used in URLs and test ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::StartOver => "start-over",
        }
    }
}

/// Addresses to which a lane connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// `ws://…/ws` or `wss://…/ws`.
    pub websocket: String,
    /// `https://…/wt`.
    pub webtransport: String,
    /// SHA-256 hashes of the certificates that WebTransport accepts; empty if the browser's root store
    /// decides.
    pub certificate_hashes: Vec<[u8; 32]>,
}

impl Endpoints {
    /// Returns the URL to which lanes of `mode` connect.
    pub fn url(&self, mode: Mode) -> &str {
        match mode.transport() {
            Transport::WebSocket => &self.websocket,
            Transport::WebTransport => &self.webtransport,
        }
    }
}

/// Amount of data that the receiver lets the server send ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// A constant amount.
    Fixed(Amount),
    /// Twice the consumption rate times the round-trip time.
    Auto,
}

/// Simulated consumer of a lane's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    /// Processing time of one message, microseconds, 0 to [`Consumer::MAX_DELAY_MICROS`].
    pub delay_micros: u32,
    /// Kind of work that takes this time.
    pub work: Work,
}

impl Consumer {
    /// Largest processing time on offer: 50 ms per message.
    pub const MAX_DELAY_MICROS: u32 = 50_000;
}

/// Kind of work that a consumer does for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Waits; the worker's thread stays free to receive.
    Sleep,
    /// Computes; the worker's thread does nothing else.
    Busy,
}

impl From<Window> for sluice_shared::flow::WindowMode {
    fn from(window: Window) -> Self {
        match window {
            Window::Fixed(amount) => Self::Fixed(amount),
            Window::Auto => Self::Auto,
        }
    }
}
