//! From a QUIC connection to a session.
//!
//! ```text
//! handshake ─► asked ─► admit ─► answer ─► serve
//! ```
//!
//! Of a backend that is a process of its own, the first and the fourth step are that process's; the others are always
//! the server's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sluice_relay::{FlowProbe, NetworkId};
use sluice_shared::mode::Transport;
use sluice_shared::wire::{CloseCode, WEBTRANSPORT_PATH};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use wtransport::endpoint::{IncomingSessionFuture, SessionRequest};
use wtransport::quinn;

use super::carrier::WtCarrier;
use super::connection::Connection;
use super::echo::{self, echo};
use crate::config::QuicTuning;
use crate::http::{OriginRule, lane_of};
use crate::labs::Labs;
use crate::metrics::Refusal;
use crate::session::{Limits, Permit, Sessions};

/// How long the handshake and the request may take.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// Its address: in a lab, that of the relay's side.
    pub(crate) address: SocketAddr,
    origin: Option<String>,
    authority: String,
    path: String,
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verdict {
    /// It has a session.
    Session,
    /// Whatever it sends comes back.
    Echo,
    /// Its page may not connect.
    Forbidden,
    /// There is no such path.
    NotFound,
    /// The server has as many sessions as it takes.
    Full,
}

/// A client that is let in.
pub(crate) struct Admitted {
    permit: Permit,
    is_echo: bool,
    lab: Option<NetworkId>,
    probe: Option<FlowProbe>,
}

impl Asked {
    fn of(request: &SessionRequest) -> Self {
        Self {
            address: request.remote_address(),
            origin: request.origin().map(str::to_owned),
            authority: request.authority().to_owned(),
            path: request.path().to_owned(),
        }
    }
}

impl Admitted {
    /// What the client is told.
    pub(crate) const fn verdict(&self) -> Verdict {
        if self.is_echo { Verdict::Echo } else { Verdict::Session }
    }
}

/// Takes a connection through its handshake, and runs a session on it.
pub(super) async fn accept(
    incoming: quinn::Incoming,
    permit: OwnedSemaphorePermit,
    sessions: &Arc<Sessions>,
    origins: &OriginRule,
    tuning: QuicTuning,
    labs: Option<&Labs>,
) {
    let Some((request, asked)) = handshake(incoming).await else { return };
    drop(permit);
    let admitted = match admit(&asked, sessions, origins, labs) {
        Ok(admitted) => admitted,
        Err(refusal) => return drop(answer(request, refusal).await),
    };
    let Some(connection) = answer(request, admitted.verdict()).await else { return };
    if admitted.is_echo {
        echo(connection, sessions.stopping()).await;
        drop(admitted.permit);
    } else {
        serve(Connection::Here(connection), admitted, sessions, tuning).await;
    }
}

/// Takes a connection through its handshake; `None` when it fails.
pub(crate) async fn handshake(incoming: quinn::Incoming) -> Option<(SessionRequest, Asked)> {
    let address = incoming.remote_address();
    match timeout(HANDSHAKE, IncomingSessionFuture::with_quic_incoming(incoming)).await {
        Ok(Ok(request)) => {
            let asked = Asked::of(&request);
            Some((request, asked))
        }
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "WebTransport handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%address, "WebTransport handshake took too long");
            None
        }
    }
}

/// Lets a client in that may, and as long as there is room.
///
/// # Errors
/// It is to be refused.
pub(crate) fn admit(
    asked: &Asked,
    sessions: &Sessions,
    origins: &OriginRule,
    labs: Option<&Labs>,
) -> Result<Admitted, Verdict> {
    let Asked { address, origin, authority, path } = asked;
    let refused = |why: Refusal, detail: String, verdict: Verdict| {
        sessions.metrics().refused(Transport::WebTransport, why);
        tracing::info!(%address, detail, "WebTransport refused");
        verdict
    };
    let origin = origin.as_deref();
    if !origins.allows(origin, Some(authority)) {
        return Err(refused(Refusal::Origin, OriginRule::refusal(origin), Verdict::Forbidden));
    }
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path.as_str(), None),
    };
    let is_echo = path == echo::PATH;
    if path != WEBTRANSPORT_PATH && !is_echo {
        let detail = format!("there is no {path}, but {WEBTRANSPORT_PATH} and {}", echo::PATH);
        return Err(refused(Refusal::BadRequest, detail, Verdict::NotFound));
    }
    let flow = labs.and_then(|labs| labs.udp_flow(*address));
    if let (Some(lane), Some((network, flow))) = (lane_of(query), &flow) {
        network.name_lane(*flow, lane);
    }
    let lab = flow.as_ref().map(|(network, _)| network.id());
    let probe = flow.and_then(|(network, flow)| network.probe(flow));
    let Some(permit) = sessions.permit() else {
        let detail = "the server has as many sessions as it takes".to_owned();
        return Err(refused(Refusal::Full, detail, Verdict::Full));
    };
    Ok(Admitted { permit, is_echo, lab, probe })
}

/// Tells the client; `None` when it is refused, or has left.
pub(crate) async fn answer(request: SessionRequest, verdict: Verdict) -> Option<wtransport::Connection> {
    let address = request.remote_address();
    match verdict {
        Verdict::Session | Verdict::Echo => {
            let accepted = request.accept().await;
            return accepted
                .inspect_err(|error| tracing::debug!(%address, %error, "WebTransport session was not opened"))
                .ok();
        }
        Verdict::Forbidden => refuse(request.forbidden()).await,
        Verdict::NotFound => refuse(request.not_found()).await,
        Verdict::Full => refuse(request.too_many_requests()).await,
    }
    None
}

/// Gives an answer time to arrive before the connection is dropped.
async fn refuse(answer: impl Future<Output = ()>) {
    if timeout(Limits::FAREWELL, answer).await.is_err() {
        tracing::debug!("a client did not take its refusal");
    }
}

/// Runs a session on a connection that is open.
pub(crate) async fn serve(
    connection: Connection,
    admitted: Admitted,
    sessions: &Arc<Sessions>,
    tuning: QuicTuning,
) {
    let Admitted { permit, lab, probe, .. } = admitted;
    let probe = probe.map(|probe| {
        let connection = connection.clone();
        probe.with_path(move || connection.known_path())
    });
    // The first stream of the client is for control, and opens with its Hello.
    match timeout(Limits::HELLO, connection.accept_bi()).await {
        Ok(Ok((send, receive))) => {
            sessions.serve(WtCarrier::new(connection, send, receive, tuning, probe, lab), permit).await;
        }
        Ok(Err(why)) => tracing::debug!(?why, "a client left before its control stream"),
        Err(_) => {
            tracing::debug!("a client has opened no control stream");
            connection.close(CloseCode::Unresponsive, "no control stream");
        }
    }
}
