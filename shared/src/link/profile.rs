//! The settings of a network.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::loss::LossModel;
use super::outage::OutageSchedule;
use super::units::{Bitrate, ByteCount, Share};

/// A network as one lane meets it: a link each way.
///
/// Its text form (serde, every human-readable format) is described in [`super::limits`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "super::text::NetworkText", into = "super::text::NetworkText")]
pub struct NetworkProfile {
    /// From the client to the server.
    pub up: LinkProfile,
    /// From the server to the client.
    pub down: LinkProfile,
    /// Whether UDP is blocked both ways, as many office networks do.
    pub blocks_udp: bool,
    /// Whether the client has another address after each planned outage, as a phone does after a tunnel.
    pub renews_address: bool,
}

impl NetworkProfile {
    /// The same link both ways.
    pub fn symmetric(link: LinkProfile) -> Self {
        Self { up: link.clone(), down: link, blocks_udp: false, renews_address: false }
    }

    /// The link of one direction.
    pub const fn link(&self, direction: Direction) -> &LinkProfile {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }
}

/// Which way a link carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

impl Direction {
    /// Both, `Up` first.
    pub const BOTH: [Self; 2] = [Self::Up, Self::Down];

    /// The name used in settings and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One direction of a network, by its stages in the order in which a packet meets them.
///
/// The default does nothing to a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkProfile {
    /// When nothing gets in.
    pub outages: OutageSchedule,
    /// The slowest hop; `None` for one that is never slow.
    pub bottleneck: Option<BottleneckLimits>,
    /// What takes packets behind the bottleneck.
    pub loss: LossModel,
    /// The way to the other end.
    pub propagation: Propagation,
}

impl LinkProfile {
    /// A link that delays by `delay` and does nothing else.
    pub fn delayed(delay: Duration) -> Self {
        Self { propagation: Propagation { delay, ..Propagation::default() }, ..Self::default() }
    }
}

/// The slowest hop of a way: a rate, and the queue before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BottleneckLimits {
    /// How fast it serialises.
    pub rate: Bitrate,
    /// How much may wait, not counting the packet that is being serialised.
    pub queue: QueueLimit,
}

impl BottleneckLimits {
    /// The most bytes that may wait.
    pub fn queue_bytes(&self) -> ByteCount {
        match self.queue {
            QueueLimit::Bytes(bytes) => bytes,
            QueueLimit::Time(span) => self.rate.bytes_in(span),
        }
    }
}

/// The size of a drop-tail queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueueLimit {
    /// So many bytes.
    Bytes(ByteCount),
    /// As many bytes as the rate carries in this time.
    Time(Duration),
}

/// The way behind the bottleneck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Propagation {
    /// The least time to the other end.
    pub delay: Duration,
    /// Each packet takes up to this much longer, evenly distributed; it still waits for the one before it.
    pub jitter: Duration,
    /// Whether jitter lets packets overtake each other.
    pub jitter_reorders: bool,
    /// The share of packets that straggle: others overtake them.
    pub late: Share,
    /// How much later a straggler arrives than it would have.
    pub late_by: Duration,
    /// The share of packets of which a second copy arrives.
    pub duplicate: Share,
}

impl Propagation {
    /// Whether packets may arrive in another order than they left.
    pub fn reorders(&self) -> bool {
        let jitter = self.jitter_reorders && !self.jitter.is_zero();
        jitter || (self.late > Share::ZERO && !self.late_by.is_zero())
    }
}
