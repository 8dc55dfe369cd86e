//! From a QUIC connection to a session.

use std::sync::Arc;
use std::time::Duration;

use sluice_shared::lab::PathState;
use sluice_shared::mode::Transport;
use sluice_shared::time::micros;
use sluice_shared::wire::WEBTRANSPORT_PATH;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use wtransport::endpoint::{IncomingSessionFuture, SessionRequest};
use wtransport::quinn;

use super::carrier::WtCarrier;
use super::echo;
use crate::config::QuicTuning;
use crate::http::{OriginRule, lane_of};
use crate::labs::Labs;
use crate::metrics::Refusal;
use crate::session::{Limits, Sessions};

/// How long the handshake and the request may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Takes a connection through its handshake, and runs a session on it.
pub(super) async fn accept(
    incoming: quinn::Incoming,
    handshake: OwnedSemaphorePermit,
    sessions: &Arc<Sessions>,
    origins: &OriginRule,
    tuning: QuicTuning,
    labs: Option<&Labs>,
) {
    let address = incoming.remote_address();
    let request = match timeout(HANDSHAKE, IncomingSessionFuture::with_quic_incoming(incoming)).await {
        Ok(Ok(request)) => request,
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "WebTransport handshake failed");
            return;
        }
        Err(_) => {
            tracing::debug!(%address, "WebTransport handshake took too long");
            return;
        }
    };
    drop(handshake);
    let refused = |why: Refusal, detail: String| {
        sessions.metrics().refused(Transport::WebTransport, why);
        tracing::info!(%address, detail, "WebTransport refused");
    };
    if !origins.allows(request.origin(), Some(request.authority())) {
        refused(Refusal::Origin, OriginRule::refusal(request.origin()));
        return refuse(request, SessionRequest::forbidden).await;
    }
    let (path, query) = match request.path().split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.path(), None),
    };
    let is_echo = path == echo::PATH;
    if path != WEBTRANSPORT_PATH && !is_echo {
        refused(
            Refusal::BadRequest,
            format!("there is no {path}, but {WEBTRANSPORT_PATH} and {}", echo::PATH),
        );
        return refuse(request, SessionRequest::not_found).await;
    }
    let flow = labs.and_then(|labs| labs.udp_flow(address));
    if let (Some(lane), Some((network, flow))) = (lane_of(query), &flow) {
        network.name_lane(*flow, lane);
    }
    let lab = flow.as_ref().map(|(network, _)| network.id());
    let probe = flow.and_then(|(network, flow)| network.probe(flow));
    let Some(permit) = sessions.permit() else {
        refused(Refusal::Full, "the server has as many sessions as it takes".to_owned());
        return refuse(request, SessionRequest::too_many_requests).await;
    };
    let connection = match request.accept().await {
        Ok(connection) => connection,
        Err(error) => {
            tracing::debug!(%address, %error, "WebTransport session was not opened");
            return;
        }
    };
    let probe = probe.map(|probe| {
        let quic = connection.quic_connection().clone();
        probe.with_path(move || {
            let path = quic.stats().path;
            PathState { cwnd_bytes: path.cwnd, rtt_micros: micros(path.rtt) }
        })
    });
    if is_echo {
        return echo::echo(connection, sessions.stopping(), permit).await;
    }
    // The first stream of the client is for control, and opens with its Hello.
    match timeout(Limits::HELLO, connection.accept_bi()).await {
        Ok(Ok((send, receive))) => {
            sessions.serve(WtCarrier::new(connection, send, receive, tuning, probe, lab), permit).await;
        }
        Ok(Err(error)) => tracing::debug!(%address, %error, "a client left before its control stream"),
        Err(_) => {
            tracing::debug!(%address, "a client has opened no control stream");
            let code = sluice_shared::wire::CloseCode::Unresponsive;
            connection.close(wtransport::VarInt::from_u32(code.webtransport()), b"no control stream");
        }
    }
}

/// Answers a request that is not taken, and gives the answer time to arrive before the connection is dropped.
async fn refuse<F: Future<Output = ()>>(request: SessionRequest, answer: impl FnOnce(SessionRequest) -> F) {
    if timeout(Limits::FAREWELL, answer(request)).await.is_err() {
        tracing::debug!("a client did not take its refusal");
    }
}
