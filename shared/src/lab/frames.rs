//! What the bytes of a lab's WebSocket say, as `GET /api/labs/{id}/frames?lane=N` tells it.

use serde::{Deserialize, Serialize};

use crate::link::Direction;
use crate::time::Time;

/// What RFC 6455 §1.3 has behind the key before both are hashed.
pub const WEBSOCKET_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Bytes of a payload that are told at most.
pub const SHOWN_BYTES: usize = 256;

/// One event of the stream: what has passed since the event before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrameEvent {
    /// The connection's number in its lab. When it changes, the lane has connected again and all counts begin anew.
    pub connection: u64,
    /// The opening handshake, in the first event of each connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<UpgradeRecord>,
    /// Frames, in the order in which they passed.
    pub frames: Vec<FrameRecord>,
    /// Frames that passed while too many waited to be told; the totals have them.
    pub skipped: u64,
    /// What the client has sent on this connection.
    pub up: FrameTotals,
    /// What the server has sent on this connection.
    pub down: FrameTotals,
    /// Why no more frames can be told apart, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
    /// Whether the connection is over.
    pub has_ended: bool,
}

/// The opening handshake (RFC 6455 §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeRecord {
    /// When the answer was whole.
    pub at: Time,
    /// The request's head.
    pub request: String,
    /// The answer's head.
    pub response: String,
    /// `Sec-WebSocket-Key`; empty when there is none.
    pub key: String,
    /// `Sec-WebSocket-Accept`, as the server says it; empty when there is none.
    pub accept: String,
    /// What it has to be: the SHA-1 of key and GUID in base64 (RFC 6455 §4.2.2).
    pub expected: String,
    /// Whether it is that.
    pub matches: bool,
}

/// What has passed in one direction since the connection was upgraded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameTotals {
    /// Frames by opcode, in the order of [`Opcode::ALL`].
    pub frames: [u64; Opcode::ALL.len()],
    /// Messages that are whole.
    pub messages: u64,
    /// Bytes of payloads, control frames included.
    pub payload_bytes: u64,
    /// Bytes of headers, masking keys included.
    pub header_bytes: u64,
    /// Frames that break a rule of RFC 6455.
    pub faulty_frames: u64,
}

/// A frame (RFC 6455 §5.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrameRecord {
    /// Its number among the connection's frames of both directions, from 0.
    pub number: u64,
    /// When its last byte passed, on the server's clock.
    pub at: Time,
    /// Who sent it.
    #[serde(with = "direction")]
    pub direction: Direction,
    /// Whether it is the last of its message.
    pub fin: bool,
    /// The three reserved bits, RSV1 being 4.
    pub rsv: u8,
    /// The four bits of the opcode.
    pub opcode: u8,
    /// The header as it was on the wire, masking key included, hex.
    pub header: String,
    /// The masking key, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
    /// Length of the payload, bytes.
    pub length: u64,
    /// The first [`SHOWN_BYTES`] of the payload as they were on the wire, hex; empty when nobody looked on yet as the
    /// frame began.
    pub wire: String,
    /// The same bytes without the mask, hex; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<String>,
    /// The number of its message in its direction, from 0; control frames belong to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<u64>,
    /// Its place in its message, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragment: Option<u32>,
    /// The whole message, with the last of several fragments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<JoinedMessage>,
    /// Whether it is a control frame between the fragments of a message of its direction (RFC 6455 §5.4).
    pub is_between: bool,
    /// What a close frame says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close: Option<CloseRecord>,
    /// The ping that a pong answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answer>,
    /// Rules of RFC 6455 that it breaks, with their sections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// A message, joined from its fragments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedMessage {
    /// How many fragments.
    pub fragments: u32,
    /// Bytes of all of them.
    pub bytes: u64,
    /// The first [`SHOWN_BYTES`], unmasked, hex; empty when nobody looked on yet as the message began.
    pub plain: String,
}

/// What a close frame says (RFC 6455 §5.5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseRecord {
    /// The code; `None` when there is none.
    pub code: Option<u16>,
    /// What the code means.
    pub meaning: String,
    /// The reason in words.
    pub reason: String,
}

/// What a pong answers (RFC 6455 §5.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The ping's number.
    pub number: u64,
    /// From the ping to the pong, where the server's end of the connection is, microseconds.
    pub rtt_micros: u64,
}

/// What kind of frame it is (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Opcode {
    /// Text.
    Text,
    /// Binary.
    Binary,
    /// More of the message before it.
    Continuation,
    /// A question whether somebody is there.
    Ping,
    /// The answer.
    Pong,
    /// The end.
    Close,
    /// A number without a meaning.
    Reserved,
}

impl Opcode {
    /// All kinds, in the order of [`FrameTotals::frames`].
    pub const ALL: [Self; 7] =
        [Self::Text, Self::Binary, Self::Continuation, Self::Ping, Self::Pong, Self::Close, Self::Reserved];

    /// The kind with this number.
    pub const fn from_number(number: u8) -> Self {
        match number {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => Self::Reserved,
        }
    }

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Continuation => "continuation",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Close => "close",
            Self::Reserved => "reserved",
        }
    }
}

mod direction {
    //! `up` and `down`.

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::link::Direction;

    pub(super) fn serialize<S: Serializer>(direction: &Direction, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match direction {
            Direction::Up => "up",
            Direction::Down => "down",
        })
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Direction, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "up" => Ok(Direction::Up),
            "down" => Ok(Direction::Down),
            other => Err(D::Error::custom(format!("{other} is neither up nor down"))),
        }
    }
}
