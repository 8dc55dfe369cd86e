//! `POST /api/feeds/publish`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sluice_shared::feed::FeedSpec;
use sluice_shared::ids::Key;
use sluice_shared::wire::codec::MAX_PAYLOAD;
use tokio::time::timeout;

use super::problem::ProblemResponse;
use super::router::App;
use crate::feeds::FeedKind;

/// Messages a second that may be posted, by all clients together.
pub(super) const RATE: u32 = 250;
/// Messages that may be posted at once.
pub(super) const BURST: u32 = 500;

/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// What the query may say.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Parameters {
    /// What the message is about.
    #[serde(default)]
    key: u32,
}

/// What the server answers.
#[derive(Debug, Serialize)]
struct Published {
    stream: u32,
    seq: u64,
}

/// Publishes the JSON value in the body.
pub(super) async fn publish(
    State(app): State<Arc<App>>,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ProblemResponse> {
    let reject = |reason: &'static str, status: StatusCode, detail: String| {
        app.sessions.metrics().feed_rejected(FeedKind::Publish.name(), reason).inc();
        ProblemResponse::new(status, detail)
    };
    let Query(parameters) = parameters.map_err(|error| {
        reject(
            "bad-query",
            StatusCode::BAD_REQUEST,
            format!("the query is malformed: {error}; use ?key=0 to ?key=4294967295"),
        )
    })?;
    let hub = app.sessions.hub();
    if !hub.offered().contains(&FeedKind::Publish) {
        let detail = "this server takes no posts: start it with --feed publish".to_owned();
        return Err(reject("not-offered", StatusCode::NOT_FOUND, detail));
    }
    app.posts.lock().take(hub.clock().now()).map_err(|wait| {
        let detail = format!("more than {RATE} messages a second were posted: wait {} ms", wait.as_millis());
        reject("rate", StatusCode::TOO_MANY_REQUESTS, detail).retry_after(wait.as_secs() + 1)
    })?;
    if !is_json(&headers) {
        let detail = "the body must have the Content-Type application/json".to_owned();
        return Err(reject("media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let body = timeout(BODY_TIME, to_bytes(body, MAX_PAYLOAD)).await.map_err(|_| {
        let detail = format!("the body was not sent within {} s", BODY_TIME.as_secs());
        reject("slow", StatusCode::REQUEST_TIMEOUT, detail)
    })?;
    let body = body.map_err(|_| {
        let detail = format!("the body cannot be read, or passes the limit of {MAX_PAYLOAD} bytes");
        reject("too-large", StatusCode::PAYLOAD_TOO_LARGE, detail)
    })?;
    let value = body.trim_ascii();
    serde_json::from_slice::<IgnoredAny>(value).map_err(|error| {
        reject("malformed", StatusCode::BAD_REQUEST, format!("the body is no JSON value: {error}"))
    })?;
    let hold = hub
        .hold(FeedSpec::Publish)
        .map_err(|error| reject("full", StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let instance = hold.instance();
    let seq = instance
        .append(0, Key(parameters.key), hub.clock().now(), value)
        .map_err(|error| reject("too-large", StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))?;
    instance.wake();
    let stream = instance.streams().first().map_or(0, |stream| stream.id.0);
    Ok((StatusCode::ACCEPTED, Json(Published { stream, seq: seq.0 })).into_response())
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json"))
}
