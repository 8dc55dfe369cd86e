//! `/api/labs/{id}`: one lab, whether it is one of a server's or that of `sluice relay`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use sluice_shared::lab::{LabEvent, LinkRequest};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::frames;
use super::origin::OriginRule;
use super::problem::ProblemResponse;
use super::reports::{self, ReportSource, ReportsEnd};
use crate::config::Pings;
use crate::labs::{EventError, Lab, Labs, Watcher};

/// How often a watcher gets a report.
const REPORT_EVERY: Duration = Duration::from_millis(100);
/// Most bytes of a request's body: a whole profile has some hundred.
pub(super) const BODY_BYTES: usize = 64 * 1024;
/// What of a capture is handed to the connection at once, bytes.
const CAPTURE_CHUNK: usize = 64 * 1024;

/// The labs that the calls are about, and which pages may make them.
#[derive(Clone, Debug)]
pub(crate) struct LabApi {
    /// Where labs are found by their names.
    pub(crate) labs: LabSource,
    /// Which pages may change something, and open WebSockets.
    pub(crate) origins: OriginRule,
    /// When WebSockets are asked for signs of life.
    pub(crate) pings: Pings,
}

impl LabApi {
    /// Checks that the request is from one of this server's own pages or from a non-browser client.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), ProblemResponse> {
        match self.labs {
            LabSource::Nowhere | LabSource::Pool(_) => own_page(&self.origins, headers),
            LabSource::One(_) => own_page(&self.origins, headers).map_err(|_| {
                let detail = "pages may not use this API: take a program that is no browser";
                ProblemResponse::new(StatusCode::FORBIDDEN, detail)
            }),
        }
    }
}

/// Where labs are found.
#[derive(Clone, Debug)]
pub(crate) enum LabSource {
    /// There are none.
    Nowhere,
    /// Those of a server, which come and go.
    Pool(Arc<Labs>),
    /// One that stays.
    One(Arc<Lab>),
}

/// The calls about a lab that is there.
pub(crate) fn routes(api: LabApi) -> Router {
    Router::new()
        .route("/api/labs/{id}", get(show).delete(remove))
        .route("/api/labs/{id}/link", put(set_link))
        .route("/api/labs/{id}/events", post(event))
        .route("/api/labs/{id}/watch", get(watch))
        .route("/api/labs/{id}/frames", get(frames::watch))
        .route("/api/labs/{id}/capture.pcapng", get(capture))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(Arc::new(api))
}

/// A lab as the API shows it.
pub(super) fn document(lab: &Lab, status: StatusCode) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, no_store, Json(lab.document())).into_response()
}

/// `GET /api/labs/{id}`.
async fn show(State(api): State<Arc<LabApi>>, Path(id): Path<String>) -> Result<Response, ProblemResponse> {
    Ok(document(&*find(&api, &id)?, StatusCode::OK))
}

/// `DELETE /api/labs/{id}`.
async fn remove(
    State(api): State<Arc<LabApi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, ProblemResponse> {
    api.admit(&headers)?;
    match &api.labs {
        LabSource::Pool(labs) if labs.remove(&id) => Ok(StatusCode::NO_CONTENT),
        LabSource::Pool(_) | LabSource::Nowhere => Err(no_such_lab(&id)),
        LabSource::One(_) => {
            let detail = "this lab is the relay itself: end the process to end it";
            Err(ProblemResponse::new(StatusCode::CONFLICT, detail))
        }
    }
}

/// `PUT /api/labs/{id}/link`.
async fn set_link(
    State(api): State<Arc<LabApi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    request: Result<Json<LinkRequest>, JsonRejection>,
) -> Result<Response, ProblemResponse> {
    api.admit(&headers)?;
    let request = body(request)?;
    let lab = find(&api, &id)?;
    lab.set_link(request).map_err(|error| unprocessable(&error))?;
    Ok(document(&lab, StatusCode::OK))
}

/// `POST /api/labs/{id}/events`.
async fn event(
    State(api): State<Arc<LabApi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    event: Result<Json<LabEvent>, JsonRejection>,
) -> Result<StatusCode, ProblemResponse> {
    api.admit(&headers)?;
    let event = body(event)?;
    let lab = find(&api, &id)?;
    lab.handle_event(event).map_err(|error: EventError| {
        let status = match error.is_out_of_range() {
            true => StatusCode::UNPROCESSABLE_ENTITY,
            false => StatusCode::CONFLICT,
        };
        ProblemResponse::new(status, error.to_string())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/labs/{id}/watch`: reports, each a [`LabReport`](sluice_shared::lab::LabReport), as server-sent events or
/// over a WebSocket.
async fn watch(
    State(api): State<Arc<LabApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ProblemResponse> {
    reports::respond(&api, request, |_| {
        let watcher = find(&api, &id)?.watch().ok_or_else(|| {
            let detail = "too many streams of this lab's reports are open: close one";
            ProblemResponse::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(5)
        })?;
        let mut ticks = interval(REPORT_EVERY);
        // A reader that is too slow gets the latest report and not all that it missed.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(reports::stream(LabReports { watcher, ticks }))
    })
}

/// Reports of a lab at a steady pace.
struct LabReports {
    watcher: Watcher,
    ticks: Interval,
}

impl ReportSource for LabReports {
    async fn next(&mut self) -> Result<String, ReportsEnd> {
        tokio::select! {
            _ = self.ticks.tick() => reports::encode(&self.watcher.report()),
            () = self.watcher.over() => Err(ReportsEnd::LabEnded),
        }
    }
}

/// `GET /api/labs/{id}/capture.pcapng`: the packets of the last while.
async fn capture(
    State(api): State<Arc<LabApi>>,
    Path(id): Path<String>,
) -> Result<Response, ProblemResponse> {
    let lab = find(&api, &id)?;
    let permit = lab.capture_permit().ok_or_else(|| {
        let detail = "too many captures of this lab are being read: wait for one to end";
        ProblemResponse::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(5)
    })?;
    let network = lab.network().clone();
    let packets = tokio::task::spawn_blocking(move || network.capture()).await.map_err(|error| {
        tracing::error!(%error, "a capture cannot be made");
        ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, "the capture cannot be made")
    })?;
    // The permit is held until the reader has all, or has gone.
    let chunks = futures_util::stream::unfold((Bytes::from(packets), permit), async |(mut rest, permit)| {
        let chunk = rest.split_to(rest.len().min(CAPTURE_CHUNK));
        (!chunk.is_empty()).then_some((Ok::<_, Infallible>(chunk), (rest, permit)))
    });
    let file = HeaderValue::from_static("attachment; filename=\"sluice.pcapng\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-pcapng")),
        (header::CONTENT_DISPOSITION, file),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

pub(super) fn find(api: &LabApi, id: &str) -> Result<Arc<Lab>, ProblemResponse> {
    let found = match &api.labs {
        LabSource::Nowhere => None,
        LabSource::Pool(labs) => labs.find(id),
        LabSource::One(lab) => (lab.id() == id).then(|| Arc::clone(lab)),
    };
    found.ok_or_else(|| no_such_lab(id))
}

fn no_such_lab(id: &str) -> ProblemResponse {
    let shown: String = id.chars().take(40).collect();
    let detail = format!("there is no lab {shown}: it has ended, or never was; POST /api/labs makes one");
    ProblemResponse::new(StatusCode::NOT_FOUND, detail)
}

/// What the body says, or what is wrong with it: the JSON reader names the field.
pub(super) fn body<T>(request: Result<Json<T>, JsonRejection>) -> Result<T, ProblemResponse> {
    request.map(|Json(value)| value).map_err(|rejection| {
        let detail = rejection.body_text();
        ProblemResponse::new(rejection.status(), detail)
    })
}

pub(super) fn unprocessable(error: &impl ToString) -> ProblemResponse {
    ProblemResponse::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
}

/// Lets only this server's pages, and who is no browser, change something.
pub(super) fn own_page(origins: &OriginRule, headers: &HeaderMap) -> Result<(), ProblemResponse> {
    origins.check(headers).map_err(|detail| ProblemResponse::new(StatusCode::FORBIDDEN, detail))
}
