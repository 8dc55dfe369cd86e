//! The opening handshake of RFC 6455 §4.2.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};

use crate::http::ProblemResponse;

/// The only version there is (RFC 6455 §4.1).
const SUPPORTED_VERSION: &str = "13";
/// Bytes of a key's nonce (RFC 6455 §4.1).
const KEY_BYTES: usize = 16;

/// A WebSocket of this server.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A request for a WebSocket in which nothing is wrong.
#[derive(Debug)]
pub(super) struct Handshake {
    /// What the answer has to say (RFC 6455 §4.2.2).
    accept: HeaderValue,
    on_upgrade: OnUpgrade,
}

/// What is wrong with a request for a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HandshakeError {
    /// Not a GET of HTTP/1.1.
    #[error("an upgrade is a GET of HTTP/1.1 (RFC 6455 §4.1)")]
    Request,
    /// No upgrade to WebSocket is asked for.
    #[error("`Connection: Upgrade` and `Upgrade: websocket` are missing (RFC 6455 §4.1)")]
    NoUpgrade,
    /// Another version.
    #[error("`Sec-WebSocket-Version` must be 13 (RFC 6455 §4.4)")]
    OtherVersion,
    /// No key, or one that is no nonce of 16 bytes.
    #[error("`Sec-WebSocket-Key` must be 16 bytes in base64 (RFC 6455 §4.1)")]
    Key,
}

impl HandshakeError {
    /// The status that the standard asks for.
    const fn status(self) -> StatusCode {
        match self {
            Self::OtherVersion => StatusCode::UPGRADE_REQUIRED,
            Self::Request | Self::NoUpgrade | Self::Key => StatusCode::BAD_REQUEST,
        }
    }

    /// The response to such a request, with this detail.
    pub(super) fn problem(self, detail: String) -> ProblemResponse {
        let problem = ProblemResponse::new(self.status(), detail);
        match self.header() {
            Some((name, value)) => problem.header(name, value),
            None => problem,
        }
    }

    /// A header that tells the client what is spoken here, where one is asked for.
    const fn header(self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::OtherVersion => {
                Some((header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(SUPPORTED_VERSION)))
            }
            Self::Request | Self::NoUpgrade | Self::Key => None,
        }
    }
}

impl Handshake {
    /// Reads a client's part of the handshake.
    ///
    /// # Errors
    /// The request does not ask for a WebSocket as RFC 6455 §4.1 says.
    pub(super) fn read(request: &mut Request) -> Result<Self, HandshakeError> {
        if request.method() != Method::GET || request.version() < Version::HTTP_11 {
            return Err(HandshakeError::Request);
        }
        let headers = request.headers();
        if !has_token(headers, &header::CONNECTION, "upgrade") || !is_websocket_request(headers) {
            return Err(HandshakeError::NoUpgrade);
        }
        if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != SUPPORTED_VERSION) {
            return Err(HandshakeError::OtherVersion);
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or(HandshakeError::Key)?;
        if BASE64.decode(key).map(|nonce| nonce.len()) != Ok(KEY_BYTES) {
            return Err(HandshakeError::Key);
        }
        let accept =
            HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(|_| HandshakeError::Key)?;
        let on_upgrade = request.extensions_mut().remove::<OnUpgrade>().ok_or(HandshakeError::Request)?;
        Ok(Self { accept, on_upgrade })
    }

    /// The answer, behind which `run` gets the socket.
    pub(super) fn answer<R: Future<Output = ()> + Send>(
        self,
        config: WebSocketConfig,
        run: impl FnOnce(Socket) -> R + Send + 'static,
    ) -> Response {
        let Self { accept, on_upgrade } = self;
        tokio::spawn(async move {
            match on_upgrade.await {
                Ok(upgraded) => {
                    let io = TokioIo::new(upgraded);
                    run(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await).await;
                }
                Err(error) => tracing::debug!(%error, "WebSocket upgrade failed"),
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        response
    }
}

/// Whether a request to a path with other representations asks for a WebSocket.
pub(crate) fn is_websocket_request(headers: &HeaderMap) -> bool {
    has_token(headers, &header::UPGRADE, "websocket")
}

/// Whether a header that is a list has `token` in it, in any case (RFC 9110 §5.6.1).
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(changes: &[(&'static str, &'static str)]) -> HandshakeError {
        let mut request = Request::new(Body::empty());
        let right = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        for (name, value) in right.iter().chain(changes) {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        Handshake::read(&mut request).expect_err("no connection lies below")
    }

    #[test]
    fn each_thing_that_is_wrong_is_named() {
        // With everything right, what is missing in a test is the connection itself.
        assert_eq!(asking(&[]), HandshakeError::Request);
        assert_eq!(asking(&[("connection", "close")]), HandshakeError::NoUpgrade);
        assert_eq!(asking(&[("upgrade", "h2c")]), HandshakeError::NoUpgrade);
        assert_eq!(asking(&[("sec-websocket-version", "8")]), HandshakeError::OtherVersion);
        assert_eq!(asking(&[("sec-websocket-key", "c2hvcnQ=")]), HandshakeError::Key);
        assert_eq!(asking(&[("sec-websocket-key", "not base64 at all!")]), HandshakeError::Key);
        assert_eq!(HandshakeError::OtherVersion.status(), StatusCode::UPGRADE_REQUIRED);
    }
}
