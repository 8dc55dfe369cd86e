//! What all carriers have in common.

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

/// One connection of a lane.
pub(crate) enum BrowserTransport {
    Socket(WebSocketTransport),
    SocketStream(WebSocketStreamTransport),
    Transport(WebTransportConnection),
}

/// What happens on a connection.
pub(crate) enum Event<'a> {
    /// True if the server answers HTTP.
    Probed {
        /// It does.
        answers: bool,
    },
    /// Items may be sent.
    Opened,
    /// A WebSocket message.
    Frame(Bytes),
    /// Bytes of a WebTransport stream, whose items its intake collects.
    Stream {
        /// The stream's own.
        intake: &'a mut Intake,
        /// What was read.
        chunk: &'a [u8],
    },
    /// A datagram.
    Datagram(Bytes),
    /// Bytes of a flood that come back on a stream of their own.
    Echo(&'a [u8]),
    /// What was to be sent has been taken; more may be sent.
    Writable,
    /// It is over.
    Closed {
        /// The other side's close code, if it gave one.
        code: Option<u32>,
        /// The other side's reason, or the browser's words; may be empty.
        reason: String,
    },
}

/// Where events go. It returns whether more of them are wanted.
pub(crate) type EventSink = Rc<dyn Fn(Event<'_>) -> bool>;

/// Why there can be no connection, in a sentence. Trying again cannot help.
#[derive(Debug)]
pub(crate) struct TransportUnavailable(pub(crate) String);

impl BrowserTransport {
    /// Begins to connect. What is read in a loop of its own is read while there is `room`.
    ///
    /// # Errors
    /// The browser lacks what `mode` needs, or refuses the URL.
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

    /// True if little enough waits to be sent that more may be added. When it is not, [`Event::Writable`] follows, or
    /// the next look finds it so.
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

    /// Closes, and tells the other side why.
    pub(crate) fn close(self, code: CloseCode, reason: &str) {
        match self {
            Self::Socket(transport) => transport.close(code, reason),
            Self::SocketStream(transport) => transport.close(code, reason),
            Self::Transport(transport) => transport.close(code, reason),
        }
    }
}

/// Most bytes of UTF-8 in a WebSocket close reason (RFC 6455 §5.5).
const MAX_CLOSE_REASON: usize = 123;

/// The code a browser may send for `code`: 1000 or one of the applications' own (4000–4999), which is all that the
/// API allows.
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

/// As much of `reason` as a close frame takes.
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
