//! Headers that hold the page to this server.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::origin::Hosts;
use super::page;
use super::problem::ProblemResponse;
use super::router::App;

/// Adds the security headers: to every response what keeps browsers from guessing its type, and a policy to what may
/// become a global scope of its own ([`Scope`]). Data, styles and modules are governed by the policy of their user.
pub(super) async fn add_headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let authority = request.headers().get(header::HOST).cloned();
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if let Some(scope) = Scope::of(&path, &response) {
        let authority = authority.as_ref().and_then(|host| host.to_str().ok());
        let lab_ports = app.labs.as_ref().map_or(&[][..], |labs| labs.ports());
        let policy = scope.policy(authority, app.quic_port, lab_ports, app.page.script_hashes());
        let headers = response.headers_mut();
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    forbid_sniffing(response).await
}

/// Refuses requests that reach a service of this machine alone by another name than its own: see [`Hosts`].
pub(crate) async fn refuse_other_names(request: Request, next: Next) -> Result<Response, ProblemResponse> {
    if unknown_name(&Hosts::default(), request.headers()).is_none() {
        return Ok(next.run(request).await);
    }
    let detail = "this is served to this machine alone: use its address or localhost";
    Err(ProblemResponse::new(StatusCode::MISDIRECTED_REQUEST, detail))
}

/// Refuses requests that name this server as it is not called: see [`Hosts`].
pub(super) async fn refuse_unknown_names(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, ProblemResponse> {
    let Some(name) = unknown_name(app.origins.hosts(), request.headers()) else {
        return Ok(next.run(request).await);
    };
    let detail = format!(
        "this server does not go by the name {name}: use its address or localhost, or start it with --host {name}"
    );
    Err(ProblemResponse::new(StatusCode::MISDIRECTED_REQUEST, detail))
}

/// The name that a request has for this server, if it is none of `hosts`.
fn unknown_name<'a>(hosts: &Hosts, headers: &'a HeaderMap) -> Option<&'a str> {
    let host = headers.get(header::HOST)?.to_str().ok().filter(|host| !hosts.know(host))?;
    Some(host.rsplit_once(':').map_or(host, |(name, _)| name))
}

/// Keeps browsers from taking an answer for something else than it says it is.
pub(super) async fn forbid_sniffing(mut response: Response) -> Response {
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What a browser may make of a response: the global scope that the response's own policy governs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// The page.
    Page,
    /// A worker: it has the policy of its own script, not that of the page.
    Worker,
    /// A picture, which is a document when it is opened by itself.
    Picture,
    /// A script that the page imports and no worker is started from.
    Module,
}

impl Scope {
    /// The scope that `response` to a request for `path` may become, if any.
    fn of(path: &str, response: &Response) -> Option<Self> {
        let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = match content_type {
            Some(media_type) => media_type,
            // The cached response takes the headers of the one that confirms it (RFC 9111 §4.3.4).
            None if response.status() == StatusCode::NOT_MODIFIED => page::media_type_of_path(path),
            None => return None,
        };
        match media_type.split(';').next().unwrap_or_default() {
            "text/html" => Some(Self::Page),
            "image/svg+xml" => Some(Self::Picture),
            // Workers are started by names that are not hashed. What is cached for ever could not name ports anyway.
            "text/javascript" if page::has_hashed_name(path) => Some(Self::Module),
            "text/javascript" => Some(Self::Worker),
            _ => None,
        }
    }

    /// The content security policy of the scope.
    ///
    /// Page and workers load code from this server alone, and connect to this server alone: to WebTransport at
    /// `quic_port` and to both transports at `lab_ports`, with certificates that the page pins by hash. A source with
    /// `ws:` stands for `wss:` too (CSP 3 §6.7.2.8).
    fn policy(
        self,
        authority: Option<&str>,
        quic_port: Option<u16>,
        lab_ports: &[u16],
        script_hashes: &[String],
    ) -> String {
        let connect = || connect_sources(authority, quic_port, lab_ports);
        match self {
            Self::Page => {
                let hashes: String = script_hashes.iter().map(|hash| format!(" 'sha256-{hash}'")).collect();
                format!(
                    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'{hashes}; worker-src 'self'; \
                     style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
                     manifest-src 'self'; connect-src {}; base-uri 'none'; form-action 'none'; \
                     frame-ancestors 'none'",
                    connect()
                )
            }
            Self::Worker => format!(
                "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src {}; \
                 frame-ancestors 'none'",
                connect()
            ),
            Self::Picture => {
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'".to_owned()
            }
            Self::Module => "default-src 'none'".to_owned(),
        }
    }
}

/// The sources that page and workers connect to. Labs are at the page's own host, or at 127.0.0.1 if the page was
/// opened by another name of this machine; CSP has no form for an IPv6 address.
fn connect_sources(authority: Option<&str>, quic_port: Option<u16>, lab_ports: &[u16]) -> String {
    let authority = authority.filter(|host| is_plain(host));
    let host = authority.map_or("127.0.0.1", |authority| match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        Some(_) | None => authority,
    });
    let host =
        if host.eq_ignore_ascii_case("localhost") || host.starts_with('[') { "127.0.0.1" } else { host };
    let mut sources = "'self'".to_owned();
    if let Some(authority) = authority {
        sources += &format!(" ws://{authority}");
    }
    for port in lab_ports {
        sources += &format!(" ws://{host}:{port} https://{host}:{port}");
    }
    if let Some(port) = quic_port {
        sources += &format!(" https://{host}:{port}");
    }
    sources
}

/// Whether a host may be copied into a header: nothing but a name or an address and a port.
fn is_plain(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn policy(scope: Scope, host: &str) -> String {
        scope.policy(Some(host), Some(4433), &[4434, 4435], &["abc=".to_owned()])
    }

    fn scope(path: &str, status: StatusCode, media_type: Option<&'static str>) -> Option<Scope> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        if let Some(media_type) = media_type {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        Scope::of(path, &response)
    }

    #[test]
    fn the_page_and_its_workers_may_connect_to_this_server_alone() {
        for (host, lab_host) in [
            ("127.0.0.1:8080", "127.0.0.1"),
            ("localhost:8080", "127.0.0.1"),
            ("[::1]:8080", "127.0.0.1"),
            ("lab.example", "lab.example"),
        ] {
            let connect = format!(
                "connect-src 'self' ws://{host} ws://{lab_host}:4434 https://{lab_host}:4434 \
                 ws://{lab_host}:4435 https://{lab_host}:4435 https://{lab_host}:4433;"
            );
            for scope in [Scope::Page, Scope::Worker] {
                let policy = policy(scope, host);
                assert!(policy.contains(&connect), "{policy}");
                assert!(policy.starts_with("default-src 'none'; "), "{policy}");
            }
        }
        let page = policy(Scope::Page, "localhost:8080");
        assert!(page.contains("script-src 'self' 'wasm-unsafe-eval' 'sha256-abc=';"), "{page}");
    }

    #[test]
    fn a_host_cannot_add_to_the_policy() {
        let policy = policy(Scope::Page, "x; script-src *");
        assert!(!policy.contains('*'), "{policy}");
    }

    #[test]
    fn what_may_become_a_scope_has_a_policy_and_data_has_none() {
        let ok = StatusCode::OK;
        assert_eq!(scope("/", ok, Some("text/html; charset=utf-8")), Some(Scope::Page));
        assert_eq!(scope("/lane_loader.js", ok, Some("text/javascript; charset=utf-8")), Some(Scope::Worker));
        let hashed = "/app-8e1d3f0c5a7b9e21.js";
        assert_eq!(scope(hashed, ok, Some("text/javascript; charset=utf-8")), Some(Scope::Module));
        assert_eq!(scope("/api/handshakes/1/ladder.svg", ok, Some("image/svg+xml")), Some(Scope::Picture));
        for data in ["application/json", "application/wasm", "text/css; charset=utf-8", "text/event-stream"] {
            assert_eq!(scope("/x", ok, Some(data)), None, "{data}");
        }
        assert_eq!(scope("/api/labs/1", StatusCode::NO_CONTENT, None), None);
    }

    #[test]
    fn a_response_that_confirms_a_cached_one_renews_its_policy() {
        let unchanged = StatusCode::NOT_MODIFIED;
        assert_eq!(scope("/", unchanged, None), Some(Scope::Page));
        assert_eq!(scope("/lane_loader.js", unchanged, None), Some(Scope::Worker));
        assert_eq!(scope("/main-f6a39cc4a00cab3.css", unchanged, None), None);
    }
}
