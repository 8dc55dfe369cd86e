//! What a client floods the server with, and gets back.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Hop;
use crate::time::Time;

/// A block that the server returns as it is, in the order in which it came.
///
/// On a WebSocket blocks are items like all others. On WebTransport a flood has a bidirectional stream of its own
/// beside the control stream, and is plain bytes there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchoBlock {
    /// The client's count; the server does not look at it.
    pub number: u64,
    /// At most [`EchoBlock::MAX_PAYLOAD`] bytes.
    pub payload: Bytes,
}

impl EchoBlock {
    /// Largest payload, bytes: half of what one write carries, so that a flood leaves room beside it.
    pub const MAX_PAYLOAD: usize = 8 * 1024;
    /// What a server holds of a flood, bytes; with more it stops reading. One block may pass it.
    pub const MAX_HELD: usize = 64 * 1024;
}

/// How a server takes what one client floods it with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// What was read and has not gone back.
    pub echo: Hop,
    /// Since when nothing is read, as what was read can't go back, on the server's clock; `None` while it is read.
    pub stopped_at: Option<Time>,
    /// How many times reading has stopped.
    pub stops: u64,
    /// For how long it was stopped in total, microseconds.
    pub stopped_micros: u64,
}
