//! The page, embedded in the binary.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};

use super::problem::ProblemResponse;
use super::router::App;

/// The folder that `cargo xtask run` builds. A release build carries it; a debug build reads it from disk.
#[derive(RustEmbed)]
#[folder = "../dist"]
#[allow_missing = true]
struct Files;

/// The page's first file.
const INDEX: &str = "index.html";
/// Encodings that the build has made ahead, best first, with their suffixes.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];
/// What is served instead of a page that was not built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sluice</title>\
    <p>This server was built without its page. Run <code>cargo xtask run</code> to build both.</p></html>\n";

/// What is known of the page ahead of requests.
#[derive(Debug)]
pub(crate) struct Page {
    script_hashes: Vec<String>,
}

impl Page {
    /// The embedded page.
    pub(crate) fn embedded() -> Self {
        let index = Files::get(INDEX);
        let html = index.as_ref().map_or(Cow::Borrowed(""), |file| String::from_utf8_lossy(&file.data));
        Self {
            script_hashes: inline_scripts(&html)
                .map(|script| STANDARD.encode(Sha256::digest(script)))
                .collect(),
        }
    }

    /// Hashes of the index's inline scripts, as a content security policy names them.
    pub(super) fn script_hashes(&self) -> &[String] {
        &self.script_hashes
    }
}

/// Serves the file of the request's path; `/` is the index.
pub(super) async fn serve(
    State(app): State<Arc<App>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    if method != Method::GET && method != Method::HEAD {
        let detail = format!("{} does not take {method}", uri.path());
        return Err(ProblemResponse::new(StatusCode::METHOD_NOT_ALLOWED, detail));
    }
    let name = file_name(uri.path());
    // The precompressed forms are no files of their own.
    let is_form = ENCODINGS.iter().any(|(_, suffix)| name.ends_with(suffix));
    match Files::get(name).filter(|_| !is_form) {
        Some(file) => Ok(answer(name, file, &headers)),
        None if name == INDEX => {
            tracing::debug!(scripts = app.page.script_hashes.len(), "the page was not built");
            let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
            Ok((StatusCode::OK, kind, NOT_BUILT).into_response())
        }
        None => Err(ProblemResponse::new(StatusCode::NOT_FOUND, format!("there is no file {}", uri.path()))),
    }
}

/// The name of the file that a path stands for.
fn file_name(path: &str) -> &str {
    match path.trim_start_matches('/') {
        "" => INDEX,
        name => name,
    }
}

fn answer(name: &str, file: EmbeddedFile, request: &HeaderMap) -> Response {
    // Weak: the same for all encodings.
    let etag = format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&file.metadata.sha256_hash()[..16]));
    let mut response = if is_known(request, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let (encoding, data) = encoded(name, file, request);
        let mut response = Response::new(match data {
            Cow::Borrowed(data) => Body::from(data),
            Cow::Owned(data) => Body::from(data),
        });
        if let Some(encoding) = encoding {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
        response
    };
    let cache = if has_hashed_name(name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// The best form that the client takes.
fn encoded(
    name: &str,
    file: EmbeddedFile,
    request: &HeaderMap,
) -> (Option<&'static str>, Cow<'static, [u8]>) {
    let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    ENCODINGS
        .iter()
        .filter(|(encoding, _)| accepts(accepted, encoding))
        .find_map(|(encoding, suffix)| {
            Files::get(&format!("{name}{suffix}")).map(|form| (Some(*encoding), form.data))
        })
        .unwrap_or((None, file.data))
}

/// Whether an `Accept-Encoding` names `encoding` with a weight above zero.
fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|part| {
        let mut words = part.split(';').map(str::trim);
        let named = words.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused = words.any(|word| word.strip_prefix("q=").and_then(|q| q.parse().ok()) == Some(0.0));
        named && !refused
    })
}

fn is_known(request: &HeaderMap, etag: &str) -> bool {
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| known.split(',').any(|tag| opaque(tag.trim()) == opaque(etag)))
}

/// A tag without its weakness, as caches compare it (RFC 9110 §13.1.2).
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Whether a name carries Trunk's hash of the content: `app-1a2b3c4d5e6f7a8b.js`, `app-1a2b3c4d5e6f7a8b_bg.wasm`.
pub(super) fn has_hashed_name(name: &str) -> bool {
    name.split(['-', '_', '.', '/'])
        .any(|part| part.len() >= 12 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The media type of the file that a path stands for.
pub(super) fn media_type_of_path(path: &str) -> &'static str {
    media_type(file_name(path))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The texts of the scripts that stand in the page itself.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script").skip(1).filter_map(|rest| {
        let (attributes, rest) = rest.split_once('>')?;
        let (text, _) = rest.split_once("</script>")?;
        (!attributes.contains("src=") && !text.is_empty()).then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        assert!(has_hashed_name("app-8e1d3f0c5a7b9e21.js"));
        assert!(has_hashed_name("app-8e1d3f0c5a7b9e21_bg.wasm"));
        for name in [INDEX, "lane_loader.js", "favicon.svg"] {
            assert!(!has_hashed_name(name), "{name}");
        }
    }

    #[test]
    fn an_encoding_counts_unless_it_is_refused() {
        assert!(accepts("gzip, deflate, br, zstd", "br"));
        assert!(accepts("BR;q=0.5", "br"));
        assert!(!accepts("gzip, br;q=0", "br"));
        assert!(!accepts("", "br"));
        assert!(!accepts("brotli", "br"));
    }

    #[test]
    fn inline_scripts_are_found_and_others_are_not() {
        let html =
            "<script src=\"a.js\"></script><script type=\"module\">\nimport x;</script><script></script>";
        assert_eq!(inline_scripts(html).collect::<Vec<_>>(), ["\nimport x;"]);
    }

    #[test]
    fn a_known_tag_is_recognised() {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"x\", W/\"abc\""));
        assert!(is_known(&headers, "\"abc\""));
        assert!(!is_known(&headers, "\"ab\""));
    }
}
