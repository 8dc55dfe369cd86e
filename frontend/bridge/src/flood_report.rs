//! Report on a lane's flood towards the server and its effect on the connection.

use serde::{Deserialize, Serialize};
use sluice_shared::flood::FloodStyle;
use sluice_shared::wire::Inbound;

/// State of one lane's flood and of its heartbeats meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloodReport {
    /// The last flood; `None` before the first.
    pub flood: Option<FloodStats>,
    /// What waits in the browser.
    pub level: FloodLevel,
    /// How long the newest heartbeat took, or how long the oldest one on the way has been waiting if that is longer,
    /// microseconds.
    pub heartbeat_micros: Option<u64>,
    /// The longest of these since the flood began, microseconds.
    pub longest_heartbeat_micros: u64,
    /// How the server takes the flood, as last reported.
    pub server: Inbound,
}

/// Progress of one flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloodStats {
    /// How it is sent.
    pub style: FloodStyle,
    /// How much it is, bytes.
    pub total: u64,
    /// What was handed to the browser, bytes.
    pub sent: u64,
    /// What has come back, bytes.
    pub echoed: u64,
    /// Whether it has ended: all has come back, or the connection is gone.
    pub is_over: bool,
    /// Whether all that has come back is what was sent, in its order.
    pub is_faithful: bool,
    /// The most that waited in the browser, bytes.
    pub most_buffered: u64,
    /// How many times it waited for room: for `writer.ready`, or on a WebSocket for `bufferedAmount` to go down.
    pub waits: u64,
    /// The longest of these waits, microseconds.
    pub longest_wait_micros: u64,
    /// Median time from handing a block over to its return, microseconds; 0 before the first.
    pub echo_p50: u64,
    /// 99th percentile of it.
    pub echo_p99: u64,
}

/// What waits in the browser to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloodLevel {
    /// A WebSocket's `bufferedAmount`, or what a writer has been given and not passed on, bytes.
    pub buffered: u64,
    /// The writer's `desiredSize`, chunks; `None` on a WebSocket, which has no such thing.
    pub desired_size: Option<i32>,
}

/// A lane's flood in one column of [`super::AgeColumn::WIDTH_MICROS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundColumn {
    /// When the column begins, in columns since the Unix epoch.
    pub index: u64,
    /// The most that waited in the browser, bytes.
    pub buffered: u64,
    /// Whether the browser had no room for more: `writer.ready` was pending, or `bufferedAmount` high.
    pub is_full: bool,
    /// Whether the server did not read.
    pub is_stopped: bool,
    /// The slowest heartbeat, microseconds; `None` before the first.
    pub heartbeat_micros: Option<u64>,
}
