//! Where a server is.

use std::net::SocketAddr;

use sluice_shared::api::Info;
use wtransport::tls::{Sha256Digest, Sha256DigestFmt};

use crate::http::{self, HttpError};

/// What a client needs before it connects.
#[derive(Clone, Debug)]
pub struct Target {
    /// Page, API and WebSocket.
    pub http: SocketAddr,
    /// WebTransport, if the server has it.
    pub quic: Option<SocketAddr>,
    /// The certificates that WebTransport may meet.
    pub certificate_hashes: Vec<Sha256Digest>,
    /// The number by which a lab knows the lane; outside a lab it means nothing.
    pub lane: Option<u16>,
}

impl Target {
    /// Asks the server at `http` for the rest.
    ///
    /// # Errors
    /// It does not answer, or not with its [`Info`].
    pub async fn of(http: SocketAddr) -> Result<Self, HttpError> {
        let info = info(http).await?;
        let digest =
            |hash: &String| Sha256Digest::from_str_fmt(plain_to_dotted(hash), Sha256DigestFmt::DottedHex);
        let certificate_hashes = info.certificate_hashes.iter().map(digest).collect::<Result<_, _>>()?;
        let quic = info.quic_port.map(|port| SocketAddr::new(http.ip(), port));
        Ok(Self { http, quic, certificate_hashes, lane: None })
    }
}

impl Target {
    /// The query of its URLs.
    pub(crate) fn query(&self) -> String {
        self.lane.map_or_else(String::new, |lane| format!("?lane={lane}"))
    }
}

/// What `/api/info` says.
///
/// # Errors
/// There is no answer, or another one.
pub async fn info(http: SocketAddr) -> Result<Info, HttpError> {
    let answer = http::get(http, "/api/info", &[]).await?;
    if answer.status != 200 {
        return Err(format!("/api/info answers {}: {}", answer.status, answer.text()).into());
    }
    Ok(answer.json()?)
}

/// `00ab…` as `00:ab:…`.
fn plain_to_dotted(hex: &str) -> String {
    let pairs: Vec<_> = hex.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
    pairs.join(":")
}
