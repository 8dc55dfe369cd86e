//! What answers which path.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{get, post};
use parking_lot::Mutex;
use sluice_shared::wire::WEBSOCKET_PATH;

use super::lab::{LabApi, LabSource};
use super::page::Page;
use super::problem::ProblemResponse;
use super::{api, handshakes, lab, labs, origin::OriginRule, page, publish, security};
use crate::config::Pings;
use crate::feeds::publish::TokenBucket;
use crate::labs::Labs;
use crate::session::Sessions;
use crate::tls::Certificates;
use crate::ws;

/// What all handlers share.
#[derive(Debug)]
pub(crate) struct App {
    /// The sessions.
    pub(crate) sessions: Arc<Sessions>,
    /// The UDP port of WebTransport, if there is one.
    pub(crate) quic_port: Option<u16>,
    /// The certificates that pages pin; `None` with a real one, which they need not.
    pub(crate) certificates: Option<Arc<Certificates>>,
    /// Which pages may connect.
    pub(crate) origins: OriginRule,
    /// The labs, if there are any.
    pub(crate) labs: Option<Arc<Labs>>,
    /// How much may be posted.
    pub(crate) posts: Mutex<TokenBucket>,
    /// How WebSocket clients are asked for signs of life.
    pub(crate) pings: Pings,
    /// The page.
    pub(crate) page: Page,
}

impl App {
    /// The shared state of a server with `sessions`.
    pub(crate) fn new(
        sessions: Arc<Sessions>,
        quic_port: Option<u16>,
        certificates: Option<Arc<Certificates>>,
        origins: OriginRule,
        labs: Option<Arc<Labs>>,
        pings: Pings,
    ) -> Self {
        let now = sessions.hub().clock().now();
        let posts = Mutex::new(TokenBucket::new(publish::RATE, publish::BURST, now));
        Self { sessions, quic_port, certificates, origins, labs, posts, pings, page: Page::embedded() }
    }
}

/// All paths.
pub(crate) fn router(app: Arc<App>) -> Router {
    let source = app.labs.clone().map_or(LabSource::Nowhere, LabSource::Pool);
    Router::new()
        .route("/healthz", get(api::healthz))
        .route("/metrics", get(api::metrics))
        .route("/api/info", get(api::info))
        .route("/api/feeds/publish", post(publish::publish))
        .route("/api/labs", post(labs::create).layer(DefaultBodyLimit::max(lab::BODY_BYTES)))
        .route("/api/{*rest}", axum::routing::any(no_such_api))
        .route(WEBSOCKET_PATH, get(ws::upgrade))
        .route("/echo", get(ws::echo::upgrade))
        .fallback(page::serve)
        .with_state(Arc::clone(&app))
        .merge(lab::routes(LabApi { labs: source, origins: app.origins.clone(), pings: app.pings }))
        .merge(handshakes::routes(app.origins.clone()))
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), security::refuse_unknown_names))
        .layer(axum::middleware::from_fn_with_state(app, security::add_headers))
}

/// What is served through a lab's network: no page, so that no page has a lab's port as its origin.
pub(super) fn lab_router(app: Arc<App>) -> Router {
    let router = Router::new()
        .route("/healthz", get(api::healthz))
        .route(WEBSOCKET_PATH, get(ws::upgrade))
        .fallback(not_here)
        .with_state(Arc::clone(&app))
        .layer(axum::middleware::from_fn_with_state(app, security::refuse_unknown_names));
    without_page(router)
}

/// What all routers have that serve no page.
pub(crate) fn without_page(router: Router) -> Router {
    router
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::map_response(security::forbid_sniffing))
}

async fn not_here(uri: Uri) -> ProblemResponse {
    let detail = format!("{} is not served through a lab: use the page's own port", uri.path());
    ProblemResponse::new(StatusCode::NOT_FOUND, detail)
}

async fn no_such_api(uri: Uri) -> ProblemResponse {
    ProblemResponse::new(StatusCode::NOT_FOUND, format!("there is no {}: see /api/info", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> ProblemResponse {
    ProblemResponse::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} does not take {method}", uri.path()))
}
