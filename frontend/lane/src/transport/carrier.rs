//! What all carriers have in common.

use std::rc::Rc;

use bytes::Bytes;
use sluice_shared::mode::Mode;
use sluice_shared::session::Intake;
use sluice_shared::wire::CloseCode;

use super::room::Room;
use super::websocket::WebSocketCarrier;
use super::websocket_stream::WebSocketStreamCarrier;
use super::webtransport::WebTransportCarrier;
use sluice_bridge::Endpoints;

/// One connection of a lane.
pub(crate) enum Carrier {
    Socket(WebSocketCarrier),
    SocketStream(WebSocketStreamCarrier),
    Transport(WebTransportCarrier),
}

/// What happens on a connection.
pub(crate) enum Event<'a> {
    /// Whether the server answers HTTP.
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
pub(crate) type Sink = Rc<dyn Fn(Event<'_>) -> bool>;

/// Why there can be no connection, in a sentence. Trying again cannot help.
#[derive(Debug)]
pub(crate) struct Obstacle(pub(crate) String);

impl Carrier {
    /// Begins to connect. What is read in a loop of its own is read while there is `room`.
    ///
    /// # Errors
    /// The browser lacks what `mode` needs, or refuses the URL.
    pub(crate) fn open(
        mode: Mode,
        endpoints: &Endpoints,
        sink: Sink,
        room: &Rc<Room>,
    ) -> Result<Self, Obstacle> {
        match mode {
            Mode::WebSocket => WebSocketCarrier::open(&endpoints.websocket, sink).map(Self::Socket),
            Mode::WebSocketStream => {
                WebSocketStreamCarrier::open(&endpoints.websocket, sink, room).map(Self::SocketStream)
            }
            Mode::OneStream | Mode::StreamPerTopic | Mode::StreamPerMessage => {
                WebTransportCarrier::open(endpoints, false, sink, room).map(Self::Transport)
            }
            Mode::Datagrams => WebTransportCarrier::open(endpoints, true, sink, room).map(Self::Transport),
        }
    }

    /// Whether little enough waits to be sent that more may be added. When it is not, [`Event::Writable`] follows, or
    /// the next look finds it so.
    pub(crate) fn is_writable(&self) -> bool {
        match self {
            Self::Socket(carrier) => carrier.is_writable(),
            Self::SocketStream(carrier) => carrier.is_writable(),
            Self::Transport(carrier) => carrier.is_writable(),
        }
    }

    /// Sends whole items.
    pub(crate) fn send(&self, items: &[u8]) {
        match self {
            Self::Socket(carrier) => carrier.send(items),
            Self::SocketStream(carrier) => carrier.send(items),
            Self::Transport(carrier) => carrier.send(items),
        }
    }

    /// Closes, and tells the other side why.
    pub(crate) fn close(self, code: CloseCode, reason: &str) {
        match self {
            Self::Socket(carrier) => carrier.close(code, reason),
            Self::SocketStream(carrier) => carrier.close(code, reason),
            Self::Transport(carrier) => carrier.close(code, reason),
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
