//! The server against native clients, over real sockets on the loopback.
//!
//! Everything is counted to the single message. Tests wait for conditions, and compare counts and ratios: how fast
//! the machine is doesn't matter.

mod backends;
mod balancer;
mod certificates;
mod chaos;
mod compare;
mod continuity;
mod credit;
mod delivery;
mod echo;
mod exhibits;
mod frames;
mod handshakes;
mod headers;
mod inbound;
mod lab_limits;
mod labs;
mod limits;
mod liveness;
mod metrics;
mod migration;
mod misbehaviour;
mod observers;
mod policies;
mod process;
mod publish;
mod relay;
mod resume;
mod spoof;
mod tunnels;

use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::mode::Mode;

/// Ticks at `rate` messages a second, made small; `seed` keeps the feeds of tests apart.
const fn ticks(rate: u32, seed: u64) -> TicksSpec {
    TicksSpec { rate, size: 64, streams: 4, keys: 8, seed }
}

/// One feed of such ticks.
fn feed(rate: u32, seed: u64) -> [FeedSpec; 1] {
    [FeedSpec::Ticks(ticks(rate, seed))]
}

/// One mode of each way of carrying messages that a native client tells apart.
const NATIVE: [Mode; 5] =
    [Mode::WebSocket, Mode::OneStream, Mode::StreamPerTopic, Mode::StreamPerMessage, Mode::Datagrams];
