//! What answers which path.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{get, post};
use parking_lot::Mutex;
use sluice_shared::wire::WEBSOCKET_PATH;

use super::page::Page;
use super::problem::ProblemResponse;
use super::{api, origin::OriginRule, page, publish, security};
use crate::feeds::publish::TokenBucket;
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
    /// How much may be posted.
    pub(crate) posts: Mutex<TokenBucket>,
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
    ) -> Self {
        let now = sessions.hub().clock().now();
        let posts = Mutex::new(TokenBucket::new(publish::RATE, publish::BURST, now));
        Self { sessions, quic_port, certificates, origins, posts, page: Page::embedded() }
    }
}

/// All paths.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(api::healthz))
        .route("/metrics", get(api::metrics))
        .route("/api/info", get(api::info))
        .route("/api/feeds/publish", post(publish::publish))
        .route("/api/{*rest}", axum::routing::any(no_such_api))
        .route(WEBSOCKET_PATH, get(ws::upgrade))
        .fallback(page::serve)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), security::add_headers))
        .with_state(app)
}

async fn no_such_api(uri: Uri) -> ProblemResponse {
    ProblemResponse::new(StatusCode::NOT_FOUND, format!("there is no {}: see /api/info", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> ProblemResponse {
    ProblemResponse::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} does not take {method}", uri.path()))
}
