//! The end of a WebSocket: close frames, and what a failed read says about the client.

use futures_util::{SinkExt as _, StreamExt as _};
use sluice_shared::wire::CloseCode;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode as WireCode;
use tungstenite::{Message, Utf8Bytes};

use crate::session::{Ended, Limits};

/// Bytes of a close frame's reason at most (RFC 6455 §5.5: 125 with the code).
const MAX_REASON_BYTES: usize = 123;

/// Sends a close frame and waits for the client's own; returns whether it came in time.
pub(super) async fn close<S>(socket: &mut WebSocketStream<S>, code: CloseCode, reason: &str) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let farewell = async {
        socket.send(close_frame(code, reason)).await.ok()?;
        while let Some(Ok(_)) = socket.next().await {}
        Some(())
    };
    timeout(Limits::FAREWELL, farewell).await.is_ok()
}

/// Closes with a code, and as much of the reason as there is room for.
pub(super) fn close_frame(code: CloseCode, reason: &str) -> Message {
    Message::Close(Some(CloseFrame { code: WireCode::from(code.websocket()), reason: short(reason) }))
}

/// The longest beginning of a reason that a close frame has room for.
fn short(reason: &str) -> Utf8Bytes {
    let end = (0..=MAX_REASON_BYTES.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
    Utf8Bytes::from(reason.get(..end.unwrap_or(0)).unwrap_or("").to_owned())
}

/// Tells a client that breaks RFC 6455 or sends too much from one whose connection is gone.
pub(super) fn read_error(error: tungstenite::Error) -> Ended {
    let text = error.to_string();
    match error {
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            let reason = format!("a message of {size} bytes passes the limit of {max_size}");
            Ended::Refused(CloseCode::TooLarge, reason)
        }
        tungstenite::Error::Utf8(_) => Ended::Refused(CloseCode::InvalidText, text),
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Ended::Left(text),
        tungstenite::Error::Protocol(_) => Ended::Refused(CloseCode::Protocol, text),
        tungstenite::Error::Capacity(_)
        | tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed
        | tungstenite::Error::Io(_)
        | tungstenite::Error::Tls(_)
        | tungstenite::Error::WriteBufferFull(_)
        | tungstenite::Error::AttackAttempt
        | tungstenite::Error::Url(_)
        | tungstenite::Error::Http(_)
        | tungstenite::Error::HttpFormat(_) => Ended::Left(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_at_a_whole_character() {
        assert_eq!(short("gone").as_str(), "gone");
        let long = short(&"é".repeat(100));
        assert_eq!(long.as_str(), "é".repeat(61));
    }
}
