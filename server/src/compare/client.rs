//! How a lane's client behaves, in either time: as a page's worker does.

use std::time::Duration;

/// How long a connection may take to open.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How often the server reports its side.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// Bytes of items that are sent at once.
pub(super) const MOST_AT_ONCE: usize = 4 * 1024;
/// Shortest silence that counts as a stall, however short the round trip.
pub(super) const SHORTEST_STALL: Duration = Duration::from_millis(10);
