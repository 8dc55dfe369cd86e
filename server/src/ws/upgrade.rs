//! `/ws`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use sluice_shared::mode::Transport;
use sluice_shared::wire::WEBSOCKET_PATH;
use sluice_shared::wire::codec::MAX_FRAME;
use tungstenite::protocol::WebSocketConfig;

use super::carrier::WsCarrier;
use super::handshake::Handshake;
use super::liveness::Liveness;
use crate::http::{App, Peer, ProblemResponse, lane_of};
use crate::metrics::Refusal;
use crate::session::Permit;

/// What is read from the socket at once, bytes: clients send little.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// What may wait in the library's write buffer, bytes: a frame, whose size the session bounds, and a few pongs.
const MAX_WRITE_BUFFER_BYTES: usize = 256 * 1024;
/// From here on the library writes without being asked, bytes.
const WRITE_BUFFER_BYTES: usize = 32 * 1024;

/// Turns the request into a WebSocket and runs a session on it.
pub(crate) async fn upgrade(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
) -> Result<Response, ProblemResponse> {
    let (handshake, permit) = admit(&app, &peer, &mut request, WEBSOCKET_PATH)?;
    if let Some(lane) = lane_of(request.uri().query()) {
        peer.name_lane(lane);
    }
    let (sessions, liveness) = (Arc::clone(&app.sessions), Liveness::new(app.pings));
    let config = limits(MAX_FRAME, MAX_WRITE_BUFFER_BYTES);
    Ok(handshake.answer(config, async move |socket| {
        sessions.serve(WsCarrier::new(socket, peer, liveness), permit).await;
    }))
}

/// What a WebSocket may hold: messages of so many bytes, and so much that is to be written.
pub(super) fn limits(max_message_bytes: usize, max_write_buffer_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(max_write_buffer_bytes)
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes))
}

/// Lets a request to `path` through that is a WebSocket upgrade, comes from a page that may, and finds room.
pub(super) fn admit(
    app: &App,
    peer: &Peer,
    request: &mut Request,
    path: &str,
) -> Result<(Handshake, Permit), ProblemResponse> {
    let address = peer.address;
    let record = |why: Refusal, detail: &str| {
        app.sessions.metrics().refused(Transport::WebSocket, why);
        tracing::info!(%address, detail, "WebSocket refused");
    };
    app.origins.check(request.headers()).map_err(|detail| {
        record(Refusal::Origin, &detail);
        ProblemResponse::new(StatusCode::FORBIDDEN, detail)
    })?;
    let handshake = Handshake::read(request).map_err(|error| {
        let detail = format!("{path} takes WebSocket upgrades alone (RFC 6455): {error}");
        record(Refusal::BadRequest, &detail);
        error.problem(detail)
    })?;
    let permit = app.sessions.permit().ok_or_else(|| {
        let detail = "the server has as many sessions as it takes: try again later";
        record(Refusal::Full, detail);
        ProblemResponse::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5)
    })?;
    Ok((handshake, permit))
}
