//! `/ws`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use sluice_shared::mode::Transport;
use sluice_shared::wire::WEBSOCKET_PATH;
use sluice_shared::wire::codec::MAX_FRAME;

use super::carrier::WsCarrier;
use crate::http::{App, OriginRule, Peer, ProblemResponse, lane_of};
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
    uri: Uri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ProblemResponse> {
    let (upgrade, permit) = admit(&app, &peer, &headers, upgrade, WEBSOCKET_PATH)?;
    if let Some(lane) = lane_of(uri.query()) {
        peer.socket.name_lane(lane);
    }
    let sessions = Arc::clone(&app.sessions);
    Ok(upgrade
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .on_upgrade(async move |socket| sessions.serve(WsCarrier::new(socket, peer), permit).await))
}

/// Lets a request to `path` through that is a WebSocket upgrade, comes from a page that may, and finds room.
pub(super) fn admit(
    app: &App,
    peer: &Peer,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    path: &str,
) -> Result<(Admitted, Permit), ProblemResponse> {
    let address = peer.address;
    let refuse = |why: Refusal, status: StatusCode, detail: String| {
        app.sessions.metrics().refused(Transport::WebSocket, why);
        tracing::info!(%address, detail, "WebSocket refused");
        ProblemResponse::new(status, detail)
    };
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("null"));
    if !app.origins.allows(origin, text(header::HOST)) {
        return Err(refuse(Refusal::Origin, StatusCode::FORBIDDEN, OriginRule::refusal(origin)));
    }
    let upgrade = upgrade.map_err(|error| {
        let detail = format!("{path} takes WebSocket upgrades alone (RFC 6455): {error}");
        refuse(Refusal::BadRequest, StatusCode::BAD_REQUEST, detail)
    })?;
    let permit = app.sessions.permit().ok_or_else(|| {
        let detail = "the server has as many sessions as it takes: try again later".to_owned();
        refuse(Refusal::Full, StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5)
    })?;
    let failed = move |error| tracing::debug!(%address, %error, "WebSocket upgrade failed");
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .on_failed_upgrade(Box::new(failed) as FailedUpgrade);
    Ok((upgrade, permit))
}

/// An upgrade that is let through.
pub(super) type Admitted = WebSocketUpgrade<FailedUpgrade>;

type FailedUpgrade = Box<dyn FnOnce(axum::Error) + Send>;
