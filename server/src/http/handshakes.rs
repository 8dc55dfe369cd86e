//! `/api/handshakes`: the handshake lab.

use std::fmt::Display;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use sluice_shared::handshake::{HandshakeRequest, Probe, limits};
use sluice_shared::link::limits::Limit;

use super::lab::{BODY_BYTES, body, own_page, unprocessable};
use super::origin::OriginRule;
use super::problem::ProblemResponse;
use crate::handshake::{Outcome, Refused, Store, Trace, ladder, ladder_export, run};

/// When to try again while another run goes on, seconds.
const RETRY_SECONDS: u64 = 5;
/// Most characters of a name that nobody knows which are said again.
const SHOWN: usize = 40;
/// What is a number in a request, with its range.
const RANGES: [Limit; 7] = [
    limits::RTT,
    limits::LOSS,
    limits::RATE,
    limits::RUNS,
    limits::EARLY_DATA,
    limits::ZERO_RTT,
    limits::BLACKOUT,
];

/// What the calls share.
#[derive(Debug)]
struct Api {
    store: Store,
    origins: OriginRule,
}

/// The calls of the handshake lab; pages of `origins` may start runs.
pub(super) fn routes(origins: OriginRule) -> Router {
    Router::new()
        .route("/api/handshakes", post(create))
        .route("/api/handshakes/{id}", get(report))
        .route("/api/handshakes/{id}/ladder.svg", get(picture))
        .route("/api/handshakes/{id}/ladder.json", get(packets))
        .route("/api/handshakes/{id}/capture.pcapng", get(capture))
        .route("/api/handshakes/{id}/trace.qlog", get(qlog))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(Arc::new(Api { store: Store::new(run), origins }))
}

/// `POST /api/handshakes`: runs, and answers when all is done.
async fn create(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    request: Result<Json<HandshakeRequest>, JsonRejection>,
) -> Result<Response, ProblemResponse> {
    own_page(&api.origins, &headers)?;
    let request = body(request).map_err(with_range)?;
    let outcome = api.store.run(request).await.map_err(|error| match error {
        Refused::OutOfRange(error) => unprocessable(&error),
        Refused::Busy => ProblemResponse::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            .retry_after(RETRY_SECONDS),
        Refused::Failed(_) => {
            tracing::error!(%error, "handshakes cannot be measured");
            ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
        }
    })?;
    let mut response = fresh(Json(&outcome.report));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// What may be asked of an outcome.
#[derive(Debug, Deserialize)]
struct Asked {
    /// Whose packets.
    probe: Option<String>,
    /// And whose beside them.
    beside: Option<String>,
    /// `1` for a file.
    download: Option<String>,
}

impl Asked {
    fn is_download(&self) -> bool {
        self.download.as_deref().is_some_and(|told| told != "0")
    }
}

/// What was asked, or why it is not understood.
type AskedQuery = Result<Query<Asked>, QueryRejection>;

/// `GET /api/handshakes/{id}`: what the call that made it was answered.
async fn report(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    asked: AskedQuery,
) -> Result<Response, ProblemResponse> {
    let asked = understood(asked)?;
    let outcome = find(&api, &id)?;
    Ok(named(fresh(Json(&outcome.report)), &asked, &format!("handshakes-{id}.json")))
}

/// `GET /api/handshakes/{id}/ladder.svg?probe=A&beside=B`.
async fn picture(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    asked: AskedQuery,
) -> Result<Response, ProblemResponse> {
    let asked = understood(asked)?;
    let outcome = find(&api, &id)?;
    let (probe, left) = trace(&outcome, asked.probe.as_deref(), "probe")?;
    let right = match asked.beside.as_deref() {
        Some(beside) => Some(trace(&outcome, Some(beside), "beside")?),
        None => None,
    };
    let beside = right.map(|(_, trace)| &trace.ladder);
    let rtt_micros = (outcome.report.request.rtt_ms * 1e3).round() as u64;
    let svg = if asked.is_download() {
        ladder_export(&left.ladder, beside, rtt_micros)
    } else {
        ladder(&left.ladder, beside, rtt_micros)
    };
    let name = match right {
        Some((other, _)) => format!("{probe}-beside-{other}.svg"),
        None => format!("{probe}.svg"),
    };
    Ok(named(content("image/svg+xml", svg), &asked, &name))
}

/// `GET /api/handshakes/{id}/ladder.json?probe=A`.
async fn packets(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    asked: AskedQuery,
) -> Result<Response, ProblemResponse> {
    let asked = understood(asked)?;
    let outcome = find(&api, &id)?;
    let (probe, trace) = trace(&outcome, asked.probe.as_deref(), "probe")?;
    Ok(named(fresh(Json(&trace.ladder)), &asked, &format!("{probe}.json")))
}

/// `GET /api/handshakes/{id}/capture.pcapng?probe=A`.
async fn capture(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    asked: AskedQuery,
) -> Result<Response, ProblemResponse> {
    let asked = understood(asked)?;
    let outcome = find(&api, &id)?;
    let (probe, _) = trace(&outcome, asked.probe.as_deref(), "probe")?;
    let file = Shared { outcome, probe, bytes: |trace| Some(&trace.pcapng) };
    let response = content("application/vnd.tcpdump.pcap", Bytes::from_owner(file));
    Ok(named(response, &asked, &format!("{probe}.pcapng")))
}

/// `GET /api/handshakes/{id}/trace.qlog?probe=A`.
async fn qlog(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    asked: AskedQuery,
) -> Result<Response, ProblemResponse> {
    let asked = understood(asked)?;
    let outcome = find(&api, &id)?;
    let (probe, trace) = trace(&outcome, asked.probe.as_deref(), "probe")?;
    if trace.qlog.is_none() {
        let with =
            names(outcome.traces.iter().filter(|(_, trace)| trace.qlog.is_some()).map(|(probe, _)| probe));
        let detail = format!("{probe} runs over TCP, which writes no qlog; there is one of {with}");
        return Err(ProblemResponse::new(StatusCode::NOT_FOUND, detail));
    }
    let file = Shared { outcome, probe, bytes: |trace| trace.qlog.as_deref() };
    let response = content("application/qlog+json-seq", Bytes::from_owner(file));
    // Viewers tell a sequence of records by that ending.
    Ok(named(response, &asked, &format!("{probe}.sqlog")))
}

/// A file of an outcome, which is kept until it is sent.
struct Shared {
    outcome: Arc<Outcome>,
    probe: Probe,
    bytes: fn(&Trace) -> Option<&[u8]>,
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.outcome.traces.get(&self.probe).and_then(self.bytes).unwrap_or_default()
    }
}

fn understood(asked: AskedQuery) -> Result<Asked, ProblemResponse> {
    asked
        .map(|Query(asked)| asked)
        .map_err(|rejection| ProblemResponse::new(rejection.status(), rejection.body_text()))
}

fn find(api: &Api, id: &str) -> Result<Arc<Outcome>, ProblemResponse> {
    api.store.find(id).ok_or_else(|| {
        let detail = format!(
            "there is no outcome {}: the last few are kept, and POST /api/handshakes makes one",
            shown(id)
        );
        ProblemResponse::new(StatusCode::NOT_FOUND, detail)
    })
}

/// The packets of the probe that is named in the query's `field`.
fn trace<'a>(
    outcome: &'a Outcome,
    name: Option<&str>,
    field: &str,
) -> Result<(Probe, &'a Trace), ProblemResponse> {
    let there = || names(outcome.traces.keys());
    let name = name.ok_or_else(|| {
        let detail = format!("{field} is missing: ask for ?{field}=NAME, one of {}", there());
        ProblemResponse::new(StatusCode::BAD_REQUEST, detail)
    })?;
    let found = Probe::find(name).and_then(|probe| Some((probe, outcome.traces.get(&probe)?)));
    found.ok_or_else(|| {
        let detail =
            format!("{field} is {}, of which there are no packets: there are of {}", shown(name), there());
        ProblemResponse::new(StatusCode::NOT_FOUND, detail)
    })
}

fn names<'a>(probes: impl Iterator<Item = &'a Probe>) -> String {
    let names: Vec<&str> = probes.map(|probe| probe.name()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// As much of a name as is said again.
fn shown(name: &str) -> impl Display {
    name.chars().take(SHOWN).collect::<String>()
}

/// Adds the range of the number that the JSON reader could not read.
fn with_range(problem: ProblemResponse) -> ProblemResponse {
    problem.map_detail(|detail| {
        let range = RANGES.iter().find(|range| detail.contains(&format!(": {}: ", range.name)));
        match range {
            Some(Limit { name, unit, low, high }) => format!("{detail}; {name} is {low} to {high} {unit}"),
            None => detail,
        }
    })
}

fn content(kind: &'static str, body: impl Into<Body>) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
    fresh((kind, body.into()))
}

fn fresh(answer: impl IntoResponse) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (no_store, answer).into_response()
}

/// Names the file if one was asked for.
fn named(mut response: Response, asked: &Asked, name: &str) -> Response {
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    if let (true, Ok(disposition)) = (asked.is_download(), disposition) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}
