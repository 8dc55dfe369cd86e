//! What a client says.

use serde::{Deserialize, Serialize};

use super::EchoBlock;
use crate::feed::FeedSpec;
use crate::ids::{Epoch, Seq, SessionId, StreamId};
use crate::mode::Mode;
use crate::policy::Policy;
use crate::time::Time;
use crate::units::Amount;
use crate::wire::CertifyRequest;

/// Anything a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientItem {
    /// The first item of every connection, and of no other place.
    Hello(Hello),
    /// The receiver's limits, cumulative since the Hello of this connection: what may be sent in total.
    ///
    /// Limits only grow; one that is below the limit in force changes nothing.
    Grant {
        /// What may be sent in total.
        limit: Amount,
        /// What has arrived in total.
        received: Amount,
        /// What has been consumed (or written off as lost) in total.
        consumed: Amount,
    },
    /// Messages that did not arrive, by their place among all messages of this connection, the first being 0
    /// ([`crate::ledger`]). Only datagrams get lost; the server answers with a gap that names them.
    Lost {
        /// The first.
        first: u64,
        /// How many.
        count: u64,
    },
    /// A heartbeat; the server answers with [`crate::wire::Pong`].
    Ping(Ping),
    /// Another policy from here on.
    SetPolicy(Policy),
    /// Other feeds from here on; the server answers with [`crate::wire::ServerControl::Subscribed`].
    Subscribe(Vec<FeedSpec>),
    /// WebSocket messages in frames of at most so many payload bytes from here on
    /// ([`ClientItem::MIN_FRAGMENT`] to [`ClientItem::MAX_FRAGMENT`]), or whole again with 0 (RFC 6455 §5.4). Refused
    /// where there are no frames.
    SetFragments {
        /// Payload bytes of one frame at most.
        bytes: u32,
    },
    /// A block of a flood; the server answers with [`crate::wire::ServerControl::Echo`]. Refused on WebTransport, where
    /// a flood has a stream of its own.
    Echo(EchoBlock),
    /// Asks what was produced in parts of the streams that are followed; the server answers with
    /// [`crate::wire::ServerControl::Certificate`].
    Certify(CertifyRequest),
}

impl ClientItem {
    /// Fewest payload bytes of a fragment.
    pub const MIN_FRAGMENT: u32 = 16;
    /// Most payload bytes of a fragment.
    pub const MAX_FRAGMENT: u32 = 16 * 1024;

    /// Whether messages may be sent in fragments of so many bytes, or whole.
    pub fn are_fragments_valid(bytes: u32) -> bool {
        bytes == 0 || (Self::MIN_FRAGMENT..=Self::MAX_FRAGMENT).contains(&bytes)
    }
}

/// How a client opens, or takes up again, its session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`crate::wire::PROTOCOL_VERSION`].
    pub version: u16,
    /// How messages are to be carried. It must fit the transport that carries the Hello.
    pub mode: Mode,
    /// Up to [`Hello::MAX_FEEDS`] feeds.
    pub feeds: Vec<FeedSpec>,
    /// What to do with messages there is no credit for.
    pub policy: Policy,
    /// The first cumulative limit; zero is allowed and means that nothing may be sent yet.
    pub limit: Amount,
    /// How often the server reports its side, milliseconds; at least [`Hello::MIN_SAMPLE_MILLIS`], 0 for never.
    pub sample_every_millis: u16,
    /// The session to continue.
    pub resume: Option<Resume>,
}

impl Hello {
    /// Most feeds in one subscription.
    pub const MAX_FEEDS: usize = 8;
    /// The shortest reporting interval, 100 ms: ten times a second.
    pub const MIN_SAMPLE_MILLIS: u16 = 100;
}

/// A session to be continued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The session, as named by its [`crate::wire::Welcome`].
    pub session: SessionId,
    /// The life of the hub that the positions belong to.
    pub epoch: Epoch,
    /// Per stream, the first position that has neither arrived nor been reported in a gap.
    pub next: Vec<(StreamId, Seq)>,
}

/// A heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Returned unchanged, so that an answer finds its question.
    pub nonce: u64,
    /// When it was sent, on the client's clock.
    pub sent_at: Time,
}
