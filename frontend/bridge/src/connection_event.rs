//! The life of a lane's connections, for its time line.

use serde::{Deserialize, Serialize};
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

/// Something in the life of a lane's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionEvent {
    /// When.
    pub at: Time,
    /// What.
    pub kind: ConnectionEventKind,
}

/// What may happen in the life of a lane's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionEventKind {
    /// A transport is tried; a second one in the same try joins a race.
    Connecting(Transport),
    /// A transport has opened and is used.
    TransportOpen(Transport),
    /// The server's Welcome has come over it.
    Welcome(Transport, SessionStart),
    /// A heartbeat leaves.
    Ping,
    /// A heartbeat is back.
    Pong {
        /// How long it took, microseconds.
        rtt_micros: u32,
    },
    /// The next heartbeat is due, and nothing was heard since the last one.
    Missed,
    /// The server was silent for too long, and the connection is given up.
    Dead,
    /// The connection broke.
    Lost,
    /// After a loss, the first message was consumed that is younger than the new Welcome.
    Fresh,
    /// The next try waits.
    Backoff {
        /// Until then.
        until: Time,
    },
    /// The browser says that the network is back.
    Online,
    /// The lane is closed, or tries no more.
    Closed,
}

/// How a connection's session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionStart {
    /// It is the lane's first.
    First,
    /// It went on where the last connection had ended.
    Resumed,
    /// It began anew, as the lane is set to.
    StartedOver,
    /// The server did not know the session any more.
    Renewed,
}

impl SessionStart {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "opened",
            Self::Resumed => "resumed",
            Self::StartedOver => "started over",
            Self::Renewed => "another session",
        }
    }
}

/// A loss of the connection, and how the lane came back from it. Spans count from when the loss was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// The last sign of life before it.
    pub lost_at: Time,
    /// From there until it was noticed, microseconds.
    pub noticed_after_micros: u64,
    /// Until a transport was open, microseconds.
    pub open_after_micros: Option<u64>,
    /// Until the server's Welcome, microseconds; over which transport, and how the session began.
    pub welcome: Option<(u64, Transport, SessionStart)>,
    /// Until a message was consumed that is younger than that Welcome, microseconds.
    pub fresh_after_micros: Option<u64>,
    /// Messages lost by it.
    pub missed: u64,
}

/// A time in which nothing arrived, and what became of the messages that were published meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryGap {
    /// The last arrival before it.
    pub from: Time,
    /// The first one after it.
    pub until: Time,
    /// Messages that were published in it and arrived after it.
    pub waited: u64,
    /// Messages in gaps that were reported in it or soon after.
    pub left_out: u64,
    /// Messages that were found in it, or soon after, to be missing without a reason.
    pub lost: u64,
}

/// How long the transports of the last try took to open, microseconds from its beginning. One that did not open before
/// another was taken has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportOpenTimes {
    /// WebTransport.
    pub webtransport_micros: Option<u64>,
    /// WebSocket.
    pub websocket_micros: Option<u64>,
}
