//! What a lane may subscribe to.

use serde::{Deserialize, Serialize};

/// A feed, with the settings that make it.
///
/// Two lanes that name the same spec see the same messages under the same stream ids and sequence numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FeedSpec {
    /// Deterministic messages made to measure, by a seed.
    Ticks(TicksSpec),
    /// This machine's own CPU, memory, network and disk ([`HostSample`] in postcard form).
    Host,
    /// One JSON value for each line of the server's standard input.
    Stdin,
    /// JSON values that somebody posts to the server.
    Publish,
}

impl FeedSpec {
    /// The name used in URLs, options and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ticks(_) => "ticks",
            Self::Host => "host",
            Self::Stdin => "stdin",
            Self::Publish => "publish",
        }
    }
}

/// The settings of a `ticks` feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TicksSpec {
    /// Messages a second over all streams, 1 to 50,000.
    pub rate: u32,
    /// Bytes of payload in a message, 16 to 16,384.
    pub size: u32,
    /// Streams (topics) that the messages go to in turn, 1 to 64.
    pub streams: u16,
    /// Keys in each stream, 1 to 1,024.
    pub keys: u16,
    /// Seed of keys and payloads.
    pub seed: u64,
}

impl TicksSpec {
    /// Largest rate, messages a second.
    pub const MAX_RATE: u32 = 50_000;
    /// Smallest payload, bytes: it carries the tick's index and value.
    pub const MIN_SIZE: u32 = 16;
    /// Largest payload, bytes.
    pub const MAX_SIZE: u32 = 16_384;
    /// Most streams.
    pub const MAX_STREAMS: u16 = 64;
    /// Most keys in a stream.
    pub const MAX_KEYS: u16 = 1_024;

    /// The same settings, each brought inside its range.
    pub fn clamped(self) -> Self {
        Self {
            rate: self.rate.clamp(1, Self::MAX_RATE),
            size: self.size.clamp(Self::MIN_SIZE, Self::MAX_SIZE),
            streams: self.streams.clamp(1, Self::MAX_STREAMS),
            keys: self.keys.clamp(1, Self::MAX_KEYS),
            seed: self.seed,
        }
    }
}

impl Default for TicksSpec {
    /// 400 messages a second of 200 bytes over 8 streams of 16 keys, seed 7.
    fn default() -> Self {
        Self { rate: 400, size: 200, streams: 8, keys: 16, seed: 7 }
    }
}

/// One reading of the machine that the server runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostSample {
    /// Busy share of all cores since the last reading, 0 to 1.
    pub cpu: f32,
    /// Used memory, bytes.
    pub memory_used: u64,
    /// Installed memory, bytes.
    pub memory_total: u64,
    /// Bytes a second received over all network interfaces.
    pub network_in: f32,
    /// Bytes a second sent over all network interfaces.
    pub network_out: f32,
    /// Bytes a second read from all disks.
    pub disk_read: f32,
    /// Bytes a second written to all disks.
    pub disk_write: f32,
}
