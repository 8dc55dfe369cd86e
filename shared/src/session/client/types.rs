//! What a client asks for, what it gets, and what can go wrong.

use core::time::Duration;

use bytes::Bytes;

use crate::certificate::Certificate;
use crate::feed::FeedSpec;
use crate::flow::WindowMode;
use crate::ids::Epoch;
use crate::mode::Mode;
use crate::policy::Policy;
use crate::session::Heartbeat;
use crate::time::Time;
use crate::units::Amount;
use crate::wire::codec::{DecodeError, StreamItems};
use crate::wire::{
    BatchHeader, EchoBlock, GapReport, Goodbye, MessageHeader, PROTOCOL_VERSION, ServerItem, ServerSample,
    StreamInfo, Welcome,
};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// How messages are carried.
    pub mode: Mode,
    /// What is subscribed, 1 to [`Hello::MAX_FEEDS`](crate::wire::Hello::MAX_FEEDS).
    pub feeds: Vec<FeedSpec>,
    /// What the server does with messages there is no credit for.
    pub policy: Policy,
    /// How far the server may send ahead of consumption.
    pub window: WindowMode,
    /// How often the server reports its side; [`Duration::ZERO`] for never.
    pub sample_every: Duration,
    /// How often the server is asked for a sign of life, and how long it may owe one.
    pub heartbeat: Heartbeat,
}

/// A message in the inbox or in the consumer's hands.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Where it belongs; times are on the server's clock.
    pub header: MessageHeader,
    /// What it says.
    pub payload: Bytes,
    /// What it counts for in credit.
    pub bytes: u64,
    /// When the server's session sent it, on the server's clock.
    pub sent_at: Time,
    /// When it arrived, on this clock.
    pub received_at: Time,
    /// The life of the hub that its position belongs to.
    pub epoch: Epoch,
}

/// One byte stream of a WebTransport connection, as it is read.
#[derive(Debug, Default)]
pub struct Intake {
    pub(super) items: StreamItems<ServerItem>,
    pub(super) batch: BatchHeader,
}

/// What the driver should know.
#[expect(clippy::large_enum_variant, reason = "the driver takes them as soon as they are there")]
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent {
    /// The server has answered; data may flow.
    Welcome(Welcome),
    /// Other streams are followed from here on.
    Subscribed(Vec<StreamInfo>),
    /// Messages that will not come, but for those that were accounted for before.
    Gap {
        /// Which, and why.
        report: GapReport,
        /// How many they are, at least 1.
        new: u64,
    },
    /// Messages that nothing accounts for.
    Lost {
        /// How many.
        messages: u64,
    },
    /// The server's side.
    Sample(ServerSample),
    /// A heartbeat leaves.
    Ping,
    /// A heartbeat came back.
    Heartbeat {
        /// How long it took.
        rtt: Duration,
    },
    /// Nothing was heard since the last heartbeat left, and the next is due: [`ClientEvent::Ping`] follows.
    Missed,
    /// Nothing was heard from the server for [`Heartbeat::timeout`] after a heartbeat: the connection should be given
    /// up.
    Silent,
    /// The server closes.
    Goodbye(Goodbye),
    /// What [`super::ClientSession::certify`] came to.
    Certificate(Box<Certificate>),
    /// A block of a flood came back.
    Echo(EchoBlock),
    /// The session that [`super::ClientSession::start_over`] gave up has a successor, and this is what the naive way
    /// cost.
    StartedOver {
        /// Messages that nobody will bring again: those in the inbox that was thrown away, and those between the last
        /// one seen and the first of the successor, as far as sequence numbers tell.
        missed: u64,
    },
}

/// What a server must not do. The connection should be closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Bytes that are no items.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// More was sent than was allowed.
    #[error("the server sent {received:?} where {limit:?} was allowed")]
    Overrun {
        /// What has arrived.
        received: Amount,
        /// What was allowed.
        limit: Amount,
    },
    /// The server speaks another version.
    #[error("the server speaks protocol version {0}, this page {PROTOCOL_VERSION}: reload the page")]
    Version(u16),
}
