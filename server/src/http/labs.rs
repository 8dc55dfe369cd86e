//! `/api/labs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use sluice_shared::lab::LinkRequest;

use super::connections::serve_ramp;
use super::lab::{body, document, own_page, unprocessable};
use super::problem::ProblemResponse;
use super::router::{App, lab_router};
use crate::labs::CreateError;

/// `POST /api/labs`: a new lab.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    request: Result<Json<LinkRequest>, JsonRejection>,
) -> Result<Response, ProblemResponse> {
    own_page(&app.origins, &headers)?;
    let request = body(request)?;
    let labs = app.labs.as_deref().ok_or_else(|| {
        let detail = "this server has no labs: start it without --labs 0, and look at its log";
        ProblemResponse::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })?;
    let (lab, ramps) = labs.create(request).await.map_err(|error| match &error {
        CreateError::Request(_) => unprocessable(&error),
        CreateError::Full(_) => {
            ProblemResponse::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry_after(15)
        }
        CreateError::System(_) => {
            tracing::warn!(%error, "no lab can be made");
            ProblemResponse::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry_after(15)
        }
    })?;
    let router = lab_router(Arc::clone(&app));
    for (congestion, ramp) in ramps {
        let metrics = Arc::clone(app.sessions.metrics());
        let frames = (Arc::clone(lab.frames()), app.sessions.hub().clock());
        tokio::spawn(serve_ramp(ramp, congestion, labs.tls(), router.clone(), metrics, frames, labs.stop()));
    }
    tracing::debug!(lab = lab.id(), "a lab is open");
    Ok(document(&lab, StatusCode::CREATED))
}
