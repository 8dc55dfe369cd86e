//! What the page tells a worker.

use serde::{Deserialize, Serialize};
use sluice_shared::feed::FeedSpec;
use sluice_shared::flood::FloodStyle;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::policy::Policy;
use sluice_shared::session::Heartbeat;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;

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
    /// Another upkeep of the connection from here on.
    SetUpkeep(Upkeep),
    /// WebSocket frames of at most so many payload bytes from here on, or whole messages with 0.
    SetFragments(u32),
    /// Other endpoints: the server's certificate was renewed, or the lane takes another way.
    SetEndpoints(Endpoints),
    /// Flood the server, unless an earlier flood is under way.
    Flood {
        /// How.
        style: FloodStyle,
        /// How much, bytes; [`sluice_shared::flood::Flood::MAX_BYTES`] at most.
        bytes: u64,
    },
    /// Hand over no more blocks of the flood.
    StopFlood,
    /// Forget all statistics, keep the connection.
    Reset,
    /// Begins an epoch: [`super::EpochStats`] count from zero, the totals go on.
    BeginEpoch {
        /// Its number; later epochs have larger ones.
        number: u32,
        /// Its beginning on the browser's clock. Messages produced before it have no latency in this epoch.
        since: Time,
    },
    /// The network is back: try to reconnect at once.
    Online,
    /// Tell what there is to draw.
    Report,
    /// Close the connection for good.
    Close,
    /// Prove now that nothing was lost; the lane does so by itself from time to time.
    Certify,
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
    /// How the connection is kept.
    pub upkeep: Upkeep,
    /// Payload bytes of a WebSocket frame that the server sends at most; 0 for whole messages.
    pub fragment_bytes: u32,
    /// Where to connect.
    pub endpoints: Endpoints,
}

/// How a lane keeps its connection, and what it does without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upkeep {
    /// How often the server is asked for a sign of life, and how long it may owe one.
    pub heartbeat: Heartbeat,
    /// What follows a loss.
    pub recovery: Recovery,
    /// Whether WebTransport is raced with WebSocket, which stands in for it.
    pub falls_back: bool,
}

/// What follows the loss of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recovery {
    /// The session goes on where it was.
    #[default]
    Resume,
    /// Another session begins, as when a page reloads: the naive way.
    StartOver,
}

impl Recovery {
    /// All ways, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Resume, Self::StartOver];

    /// The name used in URLs and test ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::StartOver => "start-over",
        }
    }
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

impl From<Window> for sluice_shared::flow::WindowMode {
    fn from(window: Window) -> Self {
        match window {
            Window::Fixed(amount) => Self::Fixed(amount),
            Window::Auto => Self::Auto,
        }
    }
}
