//! Report on a lane's flood towards the server and its effect on the connection.

use serde::{Deserialize, Serialize};
use sluice_shared::flood::FloodStyle;
use sluice_shared::wire::Inbound;

/// State of one lane's flood and of the heartbeats during it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloodReport {
    /// The last flood; `None` before the first.
    pub flood: Option<FloodStats>,
    /// Data buffered in the browser.
    pub level: FloodLevel,
    /// Round-trip time of the newest heartbeat, or the time that the oldest unanswered one has been waiting
    /// if that is longer, microseconds.
    pub heartbeat_micros: Option<u64>,
    /// Largest `heartbeat_micros` since the flood began, microseconds.
    pub longest_heartbeat_micros: u64,
    /// State of the flood at the server, as last reported.
    pub server: Inbound,
}

/// Progress of one flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloodStats {
    /// Sending style.
    pub style: FloodStyle,
    /// Total size, bytes.
    pub total: u64,
    /// Data handed to the browser, bytes.
    pub sent: u64,
    /// Data echoed by the server, bytes.
    pub echoed: u64,
    /// True if it has ended: all data was echoed, or the connection is gone.
    pub is_over: bool,
    /// True if the echoed data equals the sent data, in order.
    pub is_faithful: bool,
    /// Most data buffered in the browser, bytes.
    pub most_buffered: u64,
    /// Number of waits for room: for `writer.ready`, or on a WebSocket for a lower `bufferedAmount`.
    pub waits: u64,
    /// Longest of these waits, microseconds.
    pub longest_wait_micros: u64,
    /// Median time from handing over a block to its echo, microseconds; 0 before the first.
    pub echo_p50: u64,
    /// 99th percentile of the same time, microseconds.
    pub echo_p99: u64,
}

/// Data buffered in the browser before it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloodLevel {
    /// A WebSocket's `bufferedAmount`, or the data that a writer has accepted and not yet passed on, bytes.
    pub buffered: u64,
    /// The writer's `desiredSize`, chunks; `None` on a WebSocket, which has none.
    pub desired_size: Option<i32>,
}

/// A lane's flood in one column of [`super::AgeColumn::WIDTH_MICROS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundColumn {
    /// Start of the column, in columns since the Unix epoch.
    pub index: u64,
    /// Most data buffered in the browser, bytes.
    pub buffered: u64,
    /// True if the browser had no room for more: `writer.ready` was pending, or `bufferedAmount` high.
    pub is_full: bool,
    /// True if the server had stopped reading.
    pub is_stopped: bool,
    /// Slowest heartbeat in the column, microseconds; `None` before the first.
    pub heartbeat_micros: Option<u64>,
}
