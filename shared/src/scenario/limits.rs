//! The settings of a scenario in text, with their units and ranges.

use super::{BalancerSetup, Scenario};
use crate::feed::TicksSpec;
use crate::flow::AutoWindow;
use crate::lab::Spoof;
use crate::link::limits::Limit;

/// `seconds`: for how long the feed sends, 1 to 600 s.
pub const SECONDS: Limit = whole("seconds", "s", 1, 600);
/// `feed.messages_per_second`: 1 to 50,000.
pub const RATE: Limit = whole("feed.messages_per_second", "messages a second", 1, TicksSpec::MAX_RATE);
/// `feed.payload_bytes`: 16 to 16,384.
pub const PAYLOAD: Limit = whole("feed.payload_bytes", "bytes", TicksSpec::MIN_SIZE, TicksSpec::MAX_SIZE);
/// `feed.topics`: 1 to 64.
pub const TOPICS: Limit = whole("feed.topics", "topics", 1, TicksSpec::MAX_STREAMS as u32);
/// `feed.keys`: 1 to 1,024 in each topic.
pub const KEYS: Limit = whole("feed.keys", "keys", 1, TicksSpec::MAX_KEYS as u32);
/// `window_messages` of a lane: 1 to 8,192.
#[expect(clippy::cast_possible_truncation, reason = "a constant far below 2³²")]
pub const WINDOW_MESSAGES: Limit = whole("window_messages", "messages", 1, AutoWindow::MAX.messages as u32);
/// `window_bytes` of a lane: 32 KiB, which the largest payload fits into, to 8 MiB.
#[expect(clippy::cast_possible_truncation, reason = "a constant far below 2³²")]
pub const WINDOW_BYTES: Limit = whole("window_bytes", "bytes", 32_768, AutoWindow::MAX.bytes as u32);
/// `consumer_delay_us` of a lane: up to 1 s.
pub const CONSUMER_DELAY: Limit = whole("consumer_delay_us", "µs", 0, 1_000_000);
/// `heartbeat_ms`: how often a client asks for a sign of life, 100 ms to 30 s.
pub const HEARTBEAT: Limit = whole("heartbeat_ms", "ms", 100, 30_000);
/// `address_changes.every_ms`: one change in each span of 50 ms to 10 min.
pub const CHANGE_EVERY: Limit = whole("address_changes.every_ms", "ms", 50, 600_000);
/// `spoof.every_ms`: one attack in each span of 50 ms to 10 min.
pub const SPOOF_EVERY: Limit = whole("spoof.every_ms", "ms", 50, 600_000);
/// `spoof.packets`: 1 to 16 that are copied.
pub const SPOOF_PACKETS: Limit = whole("spoof.packets", "packets", 1, Spoof::MAX_PACKETS as u32);
/// `balancer.backends`: 1 to 16.
pub const BACKENDS: Limit = whole("balancer.backends", "of them", 1, BalancerSetup::MAX_BACKENDS as u32);
/// `lanes`: how many of them.
#[expect(clippy::cast_possible_truncation, reason = "a constant far below 2³²")]
pub const LANES: Limit = whole("lanes", "of them", 1, Scenario::MAX_LANES as u32);
/// Most letters of a name.
pub const NAME_LETTERS: usize = 40;
/// Most letters of a summary.
pub const SUMMARY_LETTERS: usize = 120;

const fn whole(name: &'static str, unit: &'static str, low: u32, high: u32) -> Limit {
    Limit { name, unit, low: low as f64, high: high as f64 }
}
