//! Headers that hold the page to this server.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::origin::Hosts;
use super::problem::ProblemResponse;
use super::router::App;

/// Adds the security headers to every response: a worker has the policy of its own script, not that of the page.
pub(super) async fn add_headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let policy = content_security_policy(
        request.headers(),
        app.quic_port,
        app.labs.as_ref().map_or(&[], |labs| labs.ports()),
        app.page.script_hashes(),
    );
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
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

/// The page loads code from this server alone, and connects to this server alone: to WebTransport at `quic_port` and to
/// both transports at `lab_ports` of the same host (or of 127.0.0.1, by which a page of localhost reaches them), with
/// certificates that it pins by hash.
fn content_security_policy(
    request: &HeaderMap,
    quic_port: Option<u16>,
    lab_ports: &[u16],
    script_hashes: &[String],
) -> String {
    let authority =
        request.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_plain(host));
    let host = authority.map(|authority| match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        Some(_) | None => authority,
    });
    let mut connect = "'self'".to_owned();
    if let Some(authority) = authority {
        connect += &format!(" ws://{authority} wss://{authority}");
    }
    // CSP has no form for an IPv6 address.
    let named = host.filter(|host| *host != "127.0.0.1" && !host.starts_with('['));
    for host in ["127.0.0.1"].into_iter().chain(named) {
        for port in quic_port.iter().chain(lab_ports) {
            connect += &format!(" https://{host}:{port}");
        }
        for port in lab_ports {
            connect += &format!(" ws://{host}:{port} wss://{host}:{port}");
        }
    }
    let hashes: String = script_hashes.iter().map(|hash| format!(" 'sha256-{hash}'")).collect();
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'{hashes}; worker-src 'self'; \
         style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; \
         connect-src {connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Whether a host may be copied into a header: nothing but a name or an address and a port.
fn is_plain(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(host: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        content_security_policy(&headers, Some(4433), &[4434], &["abc=".to_owned()])
    }

    #[test]
    fn the_page_may_connect_to_this_server_alone() {
        let policy = policy("localhost:8080");
        for part in [
            "connect-src 'self' ws://localhost:8080 wss://localhost:8080 \
             https://127.0.0.1:4433 https://127.0.0.1:4434 ws://127.0.0.1:4434 wss://127.0.0.1:4434 \
             https://localhost:4433 https://localhost:4434 ws://localhost:4434 wss://localhost:4434;",
            "script-src 'self' 'wasm-unsafe-eval' 'sha256-abc=';",
            "default-src 'none';",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
    }

    #[test]
    fn a_host_cannot_add_to_the_policy() {
        let policy = policy("x; script-src *");
        assert!(!policy.contains('*'), "{policy}");
    }
}
