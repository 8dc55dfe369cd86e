//! `/healthz`, `/metrics`, `/api/info`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sluice_shared::api::Info;
use sluice_shared::link::Preset;
use sluice_shared::wire::PROTOCOL_VERSION;

use super::problem::ProblemResponse;
use super::router::App;

/// The media type of the metrics.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /healthz`: the server answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /metrics`: everything that is counted.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, ProblemResponse> {
    let text = app.sessions.metrics().text().map_err(|error| {
        tracing::error!(%error, "the metrics have no text form");
        ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, "the metrics have no text form")
    })?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS))], text).into_response())
}

/// What `/api/info` says beside what clients need: what may be named in requests.
#[derive(Serialize)]
struct InfoDocument {
    #[serde(flatten)]
    info: Info,
    profiles: Vec<Named>,
}

/// A name with what it stands for.
#[derive(Serialize)]
struct Named {
    name: &'static str,
    summary: &'static str,
}

/// `GET /api/info`: what a client needs before it connects, and the networks that labs may be set to.
pub(super) async fn info(State(app): State<Arc<App>>) -> Response {
    let hub = app.sessions.hub();
    let certificates = app.certificates.as_ref().map(|certificates| certificates.summary());
    let info = Info {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL_VERSION,
        quic_port: app.quic_port,
        certificate_hashes: certificates.as_ref().map_or_else(Vec::new, |summary| summary.hashes.clone()),
        certificate_refresh_secs: certificates.map(|summary| summary.refresh_secs),
        feeds: hub.offered().iter().map(|kind| kind.name().to_owned()).collect(),
        epoch: hub.epoch().0,
    };
    let profiles = Preset::ALL.map(|preset| Named { name: preset.name(), summary: preset.summary() }).into();
    let document = InfoDocument { info, profiles };
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(document)).into_response()
}
