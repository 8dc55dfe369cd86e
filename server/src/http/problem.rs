//! Errors of the API (RFC 9457).

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sluice_shared::api::Problem;
use sluice_shared::wire::CloseCode;

/// An error as the API answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProblemResponse {
    status: StatusCode,
    detail: String,
    /// What the standards ask for beside the body.
    header: Option<(HeaderName, HeaderValue)>,
}

impl ProblemResponse {
    /// A problem with the title of its status; `detail` says what, where, and what to do.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), header: None }
    }

    /// Names when to try again.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Says it otherwise.
    pub(crate) fn map_detail(self, change: impl FnOnce(String) -> String) -> Self {
        Self { detail: change(self.detail), ..self }
    }

    /// The same as the end of a WebSocket: its close code and reason.
    pub(crate) fn as_close(&self) -> (CloseCode, &str) {
        let is_overload = self.status == StatusCode::TOO_MANY_REQUESTS || self.status.is_server_error();
        (if is_overload { CloseCode::Overloaded } else { CloseCode::Unsupported }, &self.detail)
    }

    /// Says something in a header; one is enough for every status there is.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let problem = Problem {
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let mut response = (self.status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}
