//! Connection state machine of one lane, without IO.
//!
//! The driver reports what happened through `handle_*`, with the time as an argument, then carries out
//! [`ConnectionMachine::poll_action`] and records [`ConnectionMachine::poll_event`] until both are empty, and calls
//! [`ConnectionMachine::handle_timeout`] at [`ConnectionMachine::poll_timeout`].
//!
//! Invariants: at most one connection carries the session; every [`Action::Open`] is followed by one
//! [`Action::Close`] or by the report that the transport is closed or unavailable; after `handle_timeout(now)` the next
//! timeout is later than `now`.

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

/// Number of one connection among all those that a lane has ever tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// Settings that decide where and how a lane connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionSettings {
    /// The lane's own way of carrying messages.
    pub(crate) mode: Mode,
    /// The server's addresses.
    pub(crate) endpoints: Endpoints,
    /// Heartbeat, recovery and fallback.
    pub(crate) upkeep: Upkeep,
    /// True if the server runs a fault mode, which is over when its connection is.
    pub(crate) is_exhibit: bool,
}

/// Something that the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask whether the server answers HTTP, and report it by [`ConnectionMachine::handle_probed`].
    Probe {
        /// The attempt that waits for the answer.
        id: ConnectionId,
    },
    /// Begin to open a transport.
    Open {
        /// Its number in all later calls.
        id: ConnectionId,
        /// How it carries messages.
        mode: Mode,
        /// Where it connects.
        endpoints: Endpoints,
    },
    /// Close a transport, whether or not it has opened; its later events are of no interest.
    Close {
        /// Its number.
        id: ConnectionId,
        /// The code for the other side.
        code: CloseCode,
        /// The reason for the other side.
        reason: Cow<'static, str>,
    },
    /// Run the session over this transport, which has opened.
    Attach {
        /// Its number.
        id: ConnectionId,
        /// How it carries messages.
        mode: Mode,
        /// True if the session begins anew instead of resuming.
        starts_over: bool,
    },
    /// The session has no connection any more.
    Detach,
}

/// Something for the connection's timeline or the page's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionNotice {
    /// An event of the timeline that changes no outage.
    Timeline(ConnectionEventKind),
    /// A transport has opened.
    Opened(Transport),
    /// The connection is lost, or taken for lost.
    Lost {
        /// How it was noticed.
        kind: ConnectionEventKind,
        /// The last sign of life before that.
        heard_at: Time,
    },
    /// The connection that was taken for lost is alive.
    Recovered,
    /// A sentence for the log.
    Note(Level, String),
}
