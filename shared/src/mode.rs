//! How a lane carries its messages.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// Transport and ordering of one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// WebSocket over TCP, read by the event API (RFC 6455).
    WebSocket,
    /// WebSocket over TCP, read by Chromium's `WebSocketStream`, which exerts backpressure.
    WebSocketStream,
    /// WebTransport, everything on one unidirectional stream: one order for all.
    OneStream,
    /// WebTransport, one unidirectional stream per topic: order within a topic.
    StreamPerTopic,
    /// WebTransport, one unidirectional stream per message: reliable, no order.
    StreamPerMessage,
    /// WebTransport datagrams (RFC 9221): no order, no retransmission.
    Datagrams,
}

/// Which protocol carries a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// RFC 6455 over TCP.
    WebSocket,
    /// WebTransport over HTTP/3 over QUIC.
    WebTransport,
}

impl Mode {
    /// All modes, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::WebSocket,
        Self::WebSocketStream,
        Self::OneStream,
        Self::StreamPerTopic,
        Self::StreamPerMessage,
        Self::Datagrams,
    ];

    /// The name used in URLs, options and test ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::WebSocketStream => "websocket-stream",
            Self::OneStream => "one-stream",
            Self::StreamPerTopic => "stream-per-topic",
            Self::StreamPerMessage => "stream-per-message",
            Self::Datagrams => "datagrams",
        }
    }

    /// The protocol below.
    pub const fn transport(self) -> Transport {
        match self {
            Self::WebSocket | Self::WebSocketStream => Transport::WebSocket,
            Self::OneStream | Self::StreamPerTopic | Self::StreamPerMessage | Self::Datagrams => {
                Transport::WebTransport
            }
        }
    }

    /// Whether everything sent arrives unless the connection dies.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Datagrams)
    }

    /// Whether the messages of a topic arrive in the order in which they were sent.
    pub const fn keeps_streams_in_order(self) -> bool {
        matches!(self, Self::WebSocket | Self::WebSocketStream | Self::OneStream | Self::StreamPerTopic)
    }

    /// What order the receiver may count on, in words.
    pub const fn ordering(self) -> &'static str {
        match self {
            Self::WebSocket | Self::WebSocketStream | Self::OneStream => "ordered",
            Self::StreamPerTopic => "ordered per topic",
            Self::StreamPerMessage => "unordered",
            Self::Datagrams => "unordered, unreliable",
        }
    }
}

impl Transport {
    /// The name used in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::WebTransport => "webtransport",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown mode '{0}': use websocket, websocket-stream, one-stream, stream-per-topic, stream-per-message or datagrams"
)]
pub struct UnknownMode(pub String);

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(name: &str) -> Result<Self, UnknownMode> {
        Self::ALL.into_iter().find(|mode| mode.name() == name).ok_or_else(|| UnknownMode(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_mode_is_found_by_its_name() {
        for mode in Mode::ALL {
            assert_eq!(mode.name().parse(), Ok(mode));
        }
        assert!("carrier-pigeon".parse::<Mode>().is_err());
    }
}
