//! Streams of JSON reports about a lab: one source, sent as server-sent events or over a WebSocket.
//!
//! A request with `Upgrade: websocket` gets a WebSocket, any other an event stream, from the same URL and with the same
//! JSON. Pages take the WebSocket: an event stream holds one of the six connections that a browser opens to a server of
//! HTTP/1.1, over all of its tabs. Reports are snapshots: a slow reader gets the newest one, and nothing is queued.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde::Serialize;
use sluice_shared::wire::CloseCode;
use tokio::time::sleep;

use super::lab::LabApi;
use super::problem::ProblemResponse;
use crate::ws;

/// How long an event stream lasts; its reader asks again, within the time that an HTTP connection has.
const EVENT_STREAM_TIME: Duration = Duration::from_secs(240);

/// Reports as JSON texts at their own pace. Readers stop at the first error.
pub(crate) type ReportStream = BoxStream<'static, Result<String, ReportsEnd>>;

/// Why there are no more reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReportsEnd {
    /// The lab has ended.
    #[error("the lab has ended")]
    LabEnded,
    /// A newer observer follows instead.
    #[error("another observer follows this lab's frames instead")]
    TakenOver,
    /// A report has no JSON form.
    #[error("a report cannot be encoded")]
    Unencodable,
}

impl ReportsEnd {
    /// The code that a WebSocket is closed with.
    pub(crate) const fn close_code(self) -> CloseCode {
        match self {
            Self::LabEnded => CloseCode::Normal,
            Self::TakenOver => CloseCode::TakenOver,
            Self::Unencodable => CloseCode::Internal,
        }
    }
}

/// Makes the reports of one stream.
pub(super) trait ReportSource: Send + 'static {
    /// Waits for the next report and returns its JSON.
    ///
    /// # Errors
    /// There are no more.
    fn next(&mut self) -> impl Future<Output = Result<String, ReportsEnd>> + Send;
}

/// Returns the stream of a source, which is asked only when its reader has taken the report before.
pub(super) fn stream(source: impl ReportSource) -> ReportStream {
    stream::unfold(source, async |mut source| Some((source.next().await, source))).boxed()
}

/// Encodes one report.
///
/// # Errors
/// It has no JSON form.
pub(super) fn encode(report: &impl Serialize) -> Result<String, ReportsEnd> {
    serde_json::to_string(report).map_err(|error| {
        tracing::error!(%error, "a report cannot be encoded");
        ReportsEnd::Unencodable
    })
}

/// Opens a stream of reports and sends it in the form that the request asks for.
///
/// # Errors
/// The request is refused. Browsers hide the response to a refused upgrade from their pages, so what `open` refuses is
/// told by the close frame of a WebSocket.
pub(super) fn respond(
    api: &LabApi,
    request: Request,
    open: impl FnOnce(&Uri) -> Result<ReportStream, ProblemResponse>,
) -> Result<Response, ProblemResponse> {
    if !ws::is_websocket_request(request.headers()) {
        return open(request.uri()).map(event_stream);
    }
    // Unlike a fetch, a WebSocket of any page may be opened and read unless the server refuses it.
    api.admit(request.headers())?;
    ws::upgrade_observer(request, api.pings, open)
}

/// Encodes reports as server-sent events.
fn event_stream(reports: ReportStream) -> Response {
    let events = reports
        .scan((), |(), report| std::future::ready(report.ok()))
        .map(|report| Ok::<_, Infallible>(Bytes::from(format!("data: {report}\n\n"))))
        .take_until(sleep(EVENT_STREAM_TIME));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Body::from_stream(events)).into_response()
}
