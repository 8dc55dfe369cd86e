//! What a server says.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{EchoBlock, Inbound};
use crate::exhibit::ExhibitUse;
use crate::feed::FeedSpec;
use crate::ids::{Epoch, Key, Seq, SessionId, StreamId};
use crate::policy::Policy;
use crate::time::Time;
use crate::units::Amount;
use crate::wire::ProducedReport;

/// Anything a server sends.
#[expect(clippy::large_enum_variant, reason = "items are taken one at a time, and none is stored")]
#[derive(Clone, Debug, PartialEq)]
pub enum ServerItem {
    /// Opens the messages of one write.
    Batch(BatchHeader),
    /// One message; the payload shares the memory it arrived in.
    Message {
        /// Where the message belongs.
        header: MessageHeader,
        /// What it says.
        payload: Bytes,
    },
    /// Everything else.
    Control(ServerControl),
}

/// What stands before the messages of one write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchHeader {
    /// When the batch left the session for the transport, on the server's clock.
    pub sent_at: Time,
    /// What had been sent on this connection in total before this batch.
    pub sent_before: Amount,
}

/// What stands before a message's payload. It is the same for every subscriber, so a message is encoded once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageHeader {
    /// The stream.
    pub stream: StreamId,
    /// The position in the stream.
    pub seq: Seq,
    /// What it is about.
    pub key: Key,
    /// When the feed made it, on the server's clock.
    pub produced_at: Time,
}

/// The server's control items.
#[expect(clippy::large_enum_variant, reason = "they are made as they are sent, and taken one at a time")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ServerControl {
    /// Answers a Hello.
    Welcome(Welcome),
    /// Answers a Subscribe: the streams that replace the earlier ones.
    Subscribed(Vec<StreamInfo>),
    /// Messages that will not come, and why.
    Gap(GapReport),
    /// Answers a Ping.
    Pong(Pong),
    /// The server's side of the lane, as often as the Hello asked.
    Sample(ServerSample),
    /// The server is about to close.
    Goodbye(Goodbye),
    /// A block of a flood as it came.
    Echo(EchoBlock),
    /// Answers a Certify.
    Certificate(ProducedReport),
}

/// The server's answer to a Hello.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`crate::wire::PROTOCOL_VERSION`].
    pub version: u16,
    /// The session, to be named when it is resumed.
    pub session: SessionId,
    /// The life of the hub.
    pub epoch: Epoch,
    /// The server's clock as this was written.
    pub server_now: Time,
    /// Whether the session that was asked for goes on.
    pub continuity: Continuity,
    /// The streams that are subscribed, with the first position that will be sent.
    pub streams: Vec<StreamInfo>,
    /// The policy in force.
    pub policy: Policy,
    /// What carries the lane.
    pub facts: TransportFacts,
}

/// What became of a resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Continuity {
    /// No resume was asked for.
    New,
    /// The session goes on at the positions asked for; what the log no longer holds follows as gaps.
    Continued,
    /// The session is not known here, or has expired: this is another one.
    UnknownSession,
    /// The server has restarted since: positions begin anew.
    EpochChanged,
}

/// One stream of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamInfo {
    /// Its id in messages.
    pub id: StreamId,
    /// The feed it belongs to.
    pub feed: FeedSpec,
    /// What it is called, unique within its feed.
    pub name: String,
    /// The first position that will be sent.
    pub next: Seq,
}

/// What carries a lane, for the fairness header. What the platform does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TransportFacts {
    /// The server's congestion controller, as the stack names it (`cubic`, `bbr`, `newreno`).
    pub congestion_control: Option<String>,
    /// The server's congestion window at the start, bytes.
    pub initial_window: Option<u64>,
    /// Largest TCP segment payload or QUIC datagram at the start, bytes.
    pub segment: Option<u32>,
    /// Whether the bytes are encrypted, by TLS 1.3 or QUIC.
    pub encrypted: bool,
}

/// A run of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeqRange {
    /// The first position.
    pub first: Seq,
    /// How many, at least 1.
    pub count: u64,
}

impl SeqRange {
    /// The position after the last.
    pub const fn end(self) -> Seq {
        Seq(self.first.0.saturating_add(self.count))
    }
}

/// Messages of one stream that will not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapReport {
    /// The stream.
    pub stream: StreamId,
    /// Why.
    pub reason: GapReason,
    /// Which, in ascending order, none touching another; at most [`GapReport::MAX_RANGES`].
    pub ranges: Vec<SeqRange>,
}

impl GapReport {
    /// Most ranges in one report; more go into another.
    pub const MAX_RANGES: usize = 512;

    /// How many messages it reports.
    pub fn messages(&self) -> u64 {
        self.ranges.iter().map(|range| range.count).fold(0, u64::saturating_add)
    }
}

/// Why messages will not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GapReason {
    /// The subscriber fell behind what the hub's log keeps.
    Retention,
    /// A newer message of the same key took the place.
    Conflated,
    /// The queue was full and its oldest message went.
    DroppedOldest,
    /// The queue was full and the new message was refused.
    DroppedNewest,
    /// The message does not fit into one datagram on this path.
    TooLarge,
    /// A datagram did not arrive, as the receiver found out ([`crate::wire::ClientItem::Lost`]).
    Network,
    /// The session had expired at the server, and a new one began at the head. The receiver finds this out.
    Expired,
}

impl GapReason {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::Retention,
        Self::Conflated,
        Self::DroppedOldest,
        Self::DroppedNewest,
        Self::TooLarge,
        Self::Network,
        Self::Expired,
    ];

    /// The name used in metrics and on the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Conflated => "conflated",
            Self::DroppedOldest => "dropped-oldest",
            Self::DroppedNewest => "dropped-newest",
            Self::TooLarge => "too-large",
            Self::Network => "network",
            Self::Expired => "expired",
        }
    }
}

/// The answer to a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// The ping's.
    pub nonce: u64,
    /// The ping's.
    pub ping_sent_at: Time,
    /// The server's clock as this was written.
    pub server_now: Time,
    /// What has been sent on this connection in total.
    pub sent: Amount,
}

/// What one hop holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// What waits there.
    pub held: Amount,
    /// What may wait there at most; a zero count is not bounded by that count.
    pub bound: Amount,
    /// The age of the oldest message there, microseconds since it was produced; 0 when empty or not known.
    pub oldest_age_micros: u64,
}

/// The server's side of one lane.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerSample {
    /// The server's clock as this was written.
    pub server_now: Time,
    /// The hub's log from the subscriber's cursor to its head.
    pub backlog: Hop,
    /// The policy's queue; empty for lossless.
    pub policy_queue: Hop,
    /// What the session has sent and the transport has not taken or, where the platform tells, not put on the wire.
    pub transport: Hop,
    /// What has been sent on this connection in total.
    pub sent: Amount,
    /// The limit in force.
    pub limit: Amount,
    /// Why nothing moves, if nothing does.
    pub waiting: Waiting,
    /// The path below.
    pub path: PathSample,
    /// For how long this connection's task has run in total, microseconds.
    pub core_micros: u64,
    /// How often the transport took no more while there were data and credit to send, or an earlier write to end.
    pub blocked_writes: u64,
    /// What a failure exhibit has used; `None` for every other policy.
    pub exhibit: Option<ExhibitUse>,
    /// How what the client floods the server with is taken.
    pub inbound: Inbound,
}

/// Why a session sends nothing right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Waiting {
    /// It does not wait.
    #[default]
    Nothing,
    /// There is nothing to send.
    NoData,
    /// There is data, but the receiver has granted no more.
    NoCredit {
        /// Since when, on the server's clock.
        since: Time,
    },
    /// There are data and credit, but the transport takes no more.
    Transport {
        /// Since when, on the server's clock.
        since: Time,
    },
}

impl Waiting {
    /// The name used in metrics and on the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "flowing",
            Self::NoData => "no-data",
            Self::NoCredit { .. } => "no-credit",
            Self::Transport { .. } => "transport",
        }
    }
}

/// The path as the server's stack sees it: quinn's statistics, or the kernel's `TCP_INFO`. Unknown is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PathSample {
    /// Smoothed round-trip time, microseconds.
    pub rtt_micros: Option<u64>,
    /// Congestion window, bytes.
    pub congestion_window: Option<u64>,
    /// Bytes sent and not acknowledged.
    pub in_flight: Option<u64>,
    /// Packets declared lost (QUIC) or segments retransmitted (TCP), in total.
    pub lost_packets: Option<u64>,
    /// Packets (QUIC) or segments (TCP) sent, in total.
    pub sent_packets: Option<u64>,
    /// Largest TCP segment payload or QUIC datagram now, bytes.
    pub segment: Option<u32>,
}

/// Why the server closes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// The kind of reason.
    pub code: CloseCode,
    /// One sentence: what, where, what to do.
    pub reason: String,
}

/// Kinds of reasons to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CloseCode {
    /// Done.
    Normal,
    /// The server stops; try again later, or elsewhere.
    GoingAway,
    /// The peer broke the protocol.
    Protocol,
    /// The peer sent more than the limits allow.
    TooLarge,
    /// The peer asked for what is not on offer.
    Unsupported,
    /// The server is full; try again later.
    Overloaded,
    /// The peer has not been heard of for too long.
    Unresponsive,
    /// Another connection has taken the session over.
    TakenOver,
    /// The server failed.
    Internal,
    /// A text message that is no UTF-8 (RFC 6455 §8.1).
    InvalidText,
    /// A failure exhibit has reached one of its caps ([`crate::exhibit`]).
    ExhibitOver,
}

impl CloseCode {
    /// All codes.
    pub const ALL: [Self; 11] = [
        Self::Normal,
        Self::GoingAway,
        Self::Protocol,
        Self::TooLarge,
        Self::Unsupported,
        Self::Overloaded,
        Self::Unresponsive,
        Self::TakenOver,
        Self::Internal,
        Self::InvalidText,
        Self::ExhibitOver,
    ];

    /// The WebSocket close code (RFC 6455 §7.4.1 and its registry; 4000–4999 are for applications).
    pub const fn websocket(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::Protocol => 1002,
            Self::InvalidText => 1007,
            Self::TooLarge => 1009,
            Self::Internal => 1011,
            Self::Overloaded => 1013,
            Self::Unsupported => 4000,
            Self::Unresponsive => 4001,
            Self::TakenOver => 4002,
            Self::ExhibitOver => 4003,
        }
    }

    /// The WebTransport session close code: the same number, so that one table explains both.
    pub const fn webtransport(self) -> u32 {
        self.websocket() as u32
    }

    /// The code with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.webtransport() == number)
    }

    /// The name used in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::GoingAway => "going-away",
            Self::Protocol => "protocol",
            Self::TooLarge => "too-large",
            Self::Unsupported => "unsupported",
            Self::Overloaded => "overloaded",
            Self::Unresponsive => "unresponsive",
            Self::TakenOver => "taken-over",
            Self::Internal => "internal",
            Self::InvalidText => "invalid-text",
            Self::ExhibitOver => "exhibit-over",
        }
    }
}
