//! A small HTTP/1.1 client: one request, one connection, everything as it came over the wire.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_LENGTH, HOST};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

/// Largest answer that is read, bytes.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Why there is no answer.
pub type HttpError = Box<dyn std::error::Error + Send + Sync>;

/// An answer, not decompressed.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// A header's value; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is no such JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// Asks for `path`.
///
/// # Errors
/// There is no server, or it does not answer in HTTP.
pub async fn get(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Answer, HttpError> {
    send(server, Method::GET, path, headers, Bytes::new()).await
}

/// Posts `body` to `path`.
///
/// # Errors
/// There is no server, or it does not answer in HTTP.
pub async fn post(
    server: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Answer, HttpError> {
    send(server, Method::POST, path, headers, body.into()).await
}

/// Sends any request.
///
/// # Errors
/// There is no server, or it does not answer in HTTP.
pub async fn send(
    server: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<Answer, HttpError> {
    let stream = TcpStream::connect(server).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(HOST.as_str())) {
        request = request.header(HOST, server.to_string());
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.header(CONTENT_LENGTH, body.len()).body(Full::new(body))?;
    let answer = sender.send_request(request).await;
    let (parts, body) = match answer {
        Ok(answer) => answer.into_parts(),
        Err(error) => {
            driver.abort();
            return Err(error.into());
        }
    };
    let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
    driver.abort();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}
