//! Connection state machine of one lane, without IO.
//!
//! The driver reports what happened through `handle_*`, with the time as an argument. It then carries out
//! [`ConnectionMachine::poll_action`] and records [`ConnectionMachine::poll_event`] until both are empty, and
//! calls [`ConnectionMachine::handle_timeout`] at [`ConnectionMachine::poll_timeout`].
//!
//! Invariants: at most one connection carries the session; every [`Action::Open`] is followed by one
//! [`Action::Close`] or by the report that the transport is closed or unavailable; after
//! `handle_timeout(now)` the next timeout is later than `now`.

mod attempts;
mod close_reason;
mod machine;
mod race;
mod state;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use sluice_shared::mode::{Mode, Transport};
use sluice_shared::time::Time;
use sluice_shared::wire::CloseCode;

use sluice_bridge::{ConnectionEventKind, Endpoints, Level, Upkeep};

pub(crate) use machine::ConnectionMachine;

/// Identifier of a connection among all that a lane has ever tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// Settings that determine where and how a lane connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionSettings {
    /// Mode that the lane is set to.
    pub(crate) mode: Mode,
    /// Server addresses.
    pub(crate) endpoints: Endpoints,
    /// Heartbeat, recovery and fallback.
    pub(crate) upkeep: Upkeep,
    /// True if the server runs a fault mode, which ends with its connection.
    pub(crate) is_exhibit: bool,
}

/// Action for the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Probe the server over HTTP, and report the result to [`ConnectionMachine::handle_probed`].
    Probe {
        /// Attempt that waits for the result.
        id: ConnectionId,
    },
    /// Start to open a transport.
    Open {
        /// Identifier in all later calls.
        id: ConnectionId,
        /// Mode to open.
        mode: Mode,
        /// Server addresses.
        endpoints: Endpoints,
    },
    /// Close a transport, whether or not it has opened; its later events are ignored.
    Close {
        /// Transport to close.
        id: ConnectionId,
        /// Close code for the peer.
        code: CloseCode,
        /// Reason for the peer.
        reason: Cow<'static, str>,
    },
    /// Run the session over this transport, which has opened.
    Attach {
        /// Transport to use.
        id: ConnectionId,
        /// Mode of that transport.
        mode: Mode,
        /// True if a new session starts instead of a resumption.
        starts_over: bool,
    },
    /// Detach the session, which no longer has a connection.
    Detach,
}

/// Notice for the connection timeline or the page's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionNotice {
    /// Timeline event that does not affect an outage.
    Timeline(ConnectionEventKind),
    /// A transport has opened.
    Opened(Transport),
    /// The connection is lost, or presumed lost.
    Lost {
        /// Event that revealed the loss.
        kind: ConnectionEventKind,
        /// Time of the last activity before the loss.
        heard_at: Time,
    },
    /// The connection that was presumed lost is alive.
    Recovered,
    /// Log message.
    Note(Level, String),
}
