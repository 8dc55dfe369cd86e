//! Events, outages and delivery gaps of a lane's connections.
//!
//! The worker records them and sends them with its [`super::Report`] and [`super::Summary`]; the page draws
//! its connection timeline from them.

use serde::{Deserialize, Serialize};
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

/// A timestamped event in a lane's connection timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionEvent {
    /// Time of the event.
    pub at: Time,
    /// Kind of event.
    pub kind: ConnectionEventKind,
}

/// Kinds of events in a lane's connection timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionEventKind {
    /// An attempt to open a transport starts; a second transport in the same attempt makes it a race.
    Connecting(Transport),
    /// A transport has opened and is in use.
    TransportOpen(Transport),
    /// The server's Welcome arrived over this transport.
    Welcome(Transport, SessionStart),
    /// A heartbeat was sent.
    Ping,
    /// A heartbeat was answered.
    Pong {
        /// Round-trip time, microseconds.
        rtt_micros: u32,
    },
    /// The next heartbeat is due and nothing was received since the last one.
    Missed,
    /// The server sent nothing for too long and the connection was abandoned.
    Dead,
    /// The connection was lost.
    Lost,
    /// Following a loss, the first message newer than the new Welcome was consumed.
    Fresh,
    /// The next attempt is delayed.
    Backoff {
        /// Time of the next attempt.
        until: Time,
    },
    /// The browser reports that the network is back.
    Online,
    /// The lane was closed or has stopped trying.
    Closed,
}

/// Origin of a connection's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionStart {
    /// The lane's first session.
    First,
    /// Resumed where the last connection had ended.
    Resumed,
    /// A new session, as configured by [`super::Recovery::StartOver`].
    StartedOver,
    /// A new session, because the server no longer knew the old one.
    Renewed,
}

impl SessionStart {
    /// Returns a short label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "opened",
            Self::Resumed => "resumed",
            Self::StartedOver => "started over",
            Self::Renewed => "another session",
        }
    }
}

/// A loss of the connection and the recovery from it. Durations count from the moment at which the loss was
/// noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Time of the last receipt before the loss.
    pub lost_at: Time,
    /// Time from `lost_at` until the loss was noticed, microseconds.
    pub noticed_after_micros: u64,
    /// Time until a transport was open, microseconds.
    pub open_after_micros: Option<u64>,
    /// Time until the server's Welcome, microseconds, with its transport and the session's origin.
    pub welcome: Option<(u64, Transport, SessionStart)>,
    /// Time until a message newer than that Welcome was consumed, microseconds.
    pub fresh_after_micros: Option<u64>,
    /// Messages lost in the outage.
    pub missed: u64,
}

/// A period in which nothing arrived, and the fate of the messages published in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryGap {
    /// Last arrival before the gap.
    pub from: Time,
    /// First arrival after the gap.
    pub until: Time,
    /// Messages published during the gap that arrived after it.
    pub waited: u64,
    /// Messages reported as skipped during the gap or shortly after.
    pub left_out: u64,
    /// Messages found missing without a reason during the gap or shortly after.
    pub lost: u64,
}

/// Opening times of the transports in the last attempt, microseconds from its start. `None` for a transport
/// that did not open before another one was chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportOpenTimes {
    /// WebTransport.
    pub webtransport_micros: Option<u64>,
    /// WebSocket.
    pub websocket_micros: Option<u64>,
}
