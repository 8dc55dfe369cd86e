//! Common interface of all browser transports.
//! Opened by the lane's platform; events go to an `EventSink`, and dropping a transport closes it.

use std::rc::Rc;

use bytes::Bytes;
use sluice_shared::mode::Mode;
use sluice_shared::session::Intake;
use sluice_shared::wire::CloseCode;

use super::read_gate::ReadGate;
use super::websocket::WebSocketTransport;
use super::websocket_stream::WebSocketStreamTransport;
use super::webtransport::WebTransportConnection;
use sluice_bridge::Endpoints;

/// Connection of a lane.
pub(crate) enum BrowserTransport {
    Socket(WebSocketTransport),
    SocketStream(WebSocketStreamTransport),
    Transport(WebTransportConnection),
}

/// Event of a connection.
pub(crate) enum Event<'a> {
    /// A probe has finished.
    Probed {
        /// True if the server answers HTTP.
        answers: bool,
    },
    /// The transport has opened; items may be sent.
    Opened,
    /// A WebSocket message.
    Frame(Bytes),
    /// Bytes of a WebTransport stream, whose items are collected by its intake.
    Stream {
        /// Intake of the stream.
        intake: &'a mut Intake,
        /// Bytes that were read.
        chunk: &'a [u8],
    },
    /// A datagram.
    Datagram(Bytes),
    /// Bytes of a flood that come back on a separate stream.
    Echo(&'a [u8]),
    /// The send queue has room again.
    Writable,
    /// The connection is over.
    Closed {
        /// Peer's close code, if there is one.
        code: Option<u32>,
        /// Peer's reason, or the browser's error message; may be empty.
        reason: String,
    },
}

/// Receiver of events. Returns whether it wants more of them.
pub(crate) type EventSink = Rc<dyn Fn(Event<'_>) -> bool>;

/// Reason for which no connection is possible, as a sentence. Retrying cannot help.
#[derive(Debug)]
pub(crate) struct TransportUnavailable(pub(crate) String);

impl BrowserTransport {
    /// Starts to connect. Read loops pause while `gate` is closed.
    ///
    /// # Errors
    /// Returns an error if the browser lacks what `mode` needs, or refuses the URL.
    pub(crate) fn open(
        mode: Mode,
        endpoints: &Endpoints,
        sink: EventSink,
        gate: &Rc<ReadGate>,
    ) -> Result<Self, TransportUnavailable> {
        match mode {
            Mode::WebSocket => WebSocketTransport::open(&endpoints.websocket, sink).map(Self::Socket),
            Mode::WebSocketStream => {
                WebSocketStreamTransport::open(&endpoints.websocket, sink, gate).map(Self::SocketStream)
            }
            Mode::OneStream | Mode::StreamPerTopic | Mode::StreamPerMessage => {
                WebTransportConnection::open(endpoints, false, sink, gate).map(Self::Transport)
            }
            Mode::Datagrams => WebTransportConnection::open(endpoints, true, sink, gate).map(Self::Transport),
        }
    }

    /// True if the send queue is short enough for more. If not, [`Event::Writable`] follows, or a later poll
    /// finds room.
    pub(crate) fn is_writable(&self) -> bool {
        match self {
            Self::Socket(transport) => transport.is_writable(),
            Self::SocketStream(transport) => transport.is_writable(),
            Self::Transport(transport) => transport.is_writable(),
        }
    }

    /// Sends whole items.
    pub(crate) fn send(&self, items: &[u8]) {
        match self {
            Self::Socket(transport) => transport.send(items),
            Self::SocketStream(transport) => transport.send(items),
            Self::Transport(transport) => transport.send(items),
        }
    }

    /// Closes the connection, with a code and a reason for the peer.
    pub(crate) fn close(self, code: CloseCode, reason: &str) {
        match self {
            Self::Socket(transport) => transport.close(code, reason),
            Self::SocketStream(transport) => transport.close(code, reason),
            Self::Transport(transport) => transport.close(code, reason),
        }
    }
}

/// Maximum length of a WebSocket close reason, bytes of UTF-8 (RFC 6455 §5.5).
const MAX_CLOSE_REASON: usize = 123;

/// Returns the code that a browser may send for `code`: 1000 or an application's own (4000–4999), the only
/// ones that the API allows.
pub(super) const fn browser_close_code(code: CloseCode) -> u16 {
    match code {
        CloseCode::Normal => 1000,
        CloseCode::GoingAway => 4101,
        CloseCode::Protocol => 4102,
        CloseCode::InvalidText => 4107,
        CloseCode::TooLarge => 4109,
        CloseCode::Internal => 4111,
        CloseCode::Overloaded => 4113,
        CloseCode::Unsupported | CloseCode::Unresponsive | CloseCode::TakenOver | CloseCode::ExhibitOver => {
            code.websocket()
        }
    }
}

/// Returns as much of `reason` as fits into a close frame.
pub(super) fn close_reason(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_CLOSE_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let reason = "ü".repeat(100);
        assert_eq!(close_reason(&reason).len(), 122);
        assert_eq!(close_reason("short"), "short");
    }

    #[test]
    fn every_code_that_is_sent_is_allowed_to_browsers() {
        for code in CloseCode::ALL {
            let number = browser_close_code(code);
            assert!(number == 1000 || (4_000..5_000).contains(&number), "{number}");
        }
    }
}
