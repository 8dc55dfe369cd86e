//! What the page tells a worker.

use serde::{Deserialize, Serialize};
use sluice_shared::feed::FeedSpec;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::policy::Policy;
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
