//! What the HTTP API says, as JSON.

use serde::{Deserialize, Serialize};

/// `GET /api/info`: what a client needs before it connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// The server's version.
    pub version: String,
    /// [`crate::wire::PROTOCOL_VERSION`].
    pub protocol: u16,
    /// The UDP port that answers WebTransport; `None` when the port could not be bound, so only WebSocket works.
    pub quic_port: Option<u16>,
    /// SHA-256 hashes (lower-case hex) of the certificates WebTransport may meet: the current one and its successor.
    /// Empty with a real certificate, which the browser checks itself.
    pub certificate_hashes: Vec<String>,
    /// When the page should ask again because certificates change, seconds from now; `None` with a real certificate.
    pub certificate_refresh_secs: Option<u64>,
    /// Names of the feeds this server offers (`ticks`, `host`, `stdin`, `publish`).
    pub feeds: Vec<String>,
    /// The life of the hub.
    pub epoch: u64,
}

/// An error of the API (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem, the same for all of its kind.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What, where, what to do.
    pub detail: String,
}
