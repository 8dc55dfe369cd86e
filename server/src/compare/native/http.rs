//! Calls of the server's API, as bare as they can be: HTTP/1.0, a connection for each, the body ends with it.

use std::io;
use std::net::SocketAddr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Most bytes of an answer's head, and of a body.
const MOST_BYTES: u64 = 1024 * 1024;

/// Asks for `path`.
///
/// # Errors
/// There is no answer, one that says no, or one that is no such JSON.
pub(super) async fn get<T: DeserializeOwned>(server: SocketAddr, path: &str) -> io::Result<T> {
    read(open(server, "GET", path, &[]).await?).await
}

/// Posts `body` to `path`.
///
/// # Errors
/// As [`get`].
pub(super) async fn post<T: DeserializeOwned>(
    server: SocketAddr,
    path: &str,
    body: &impl Serialize,
) -> io::Result<T> {
    read(open(server, "POST", path, &serde_json::to_vec(body)?).await?).await
}

/// Posts `body` to `path`, and takes any answer that does not say no.
///
/// # Errors
/// There is no answer, or one that says no.
pub(super) async fn tell(server: SocketAddr, path: &str, body: &impl Serialize) -> io::Result<()> {
    open(server, "POST", path, &serde_json::to_vec(body)?).await.map(drop)
}

/// Deletes `path`.
///
/// # Errors
/// There is no answer, or one that says no.
pub(super) async fn delete(server: SocketAddr, path: &str) -> io::Result<()> {
    open(server, "DELETE", path, &[]).await.map(drop)
}

/// Asks for `path`, and returns the answer's body as it comes.
///
/// # Errors
/// There is no answer, or one that says no.
pub(super) async fn stream(server: SocketAddr, path: &str) -> io::Result<BufReader<TcpStream>> {
    open(server, "GET", path, &[]).await
}

async fn open(server: SocketAddr, method: &str, path: &str, body: &[u8]) -> io::Result<BufReader<TcpStream>> {
    let mut socket = TcpStream::connect(server).await?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nhost: {server}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body).await?;
    let mut answer = BufReader::new(socket);
    let mut head = (&mut answer).take(MOST_BYTES);
    let mut status = String::new();
    head.read_line(&mut status).await?;
    let mut line = String::new();
    while head.read_line(&mut line).await? > 0 && line.trim() != "" {
        line.clear();
    }
    if status.split(' ').nth(1).is_some_and(|code| code.starts_with('2')) {
        return Ok(answer);
    }
    let mut problem = String::new();
    (&mut answer).take(MOST_BYTES).read_to_string(&mut problem).await?;
    Err(io::Error::other(format!("{method} {path} is answered {}: {}", status.trim(), problem.trim())))
}

async fn read<T: DeserializeOwned>(answer: BufReader<TcpStream>) -> io::Result<T> {
    let mut body = Vec::new();
    answer.take(MOST_BYTES).read_to_end(&mut body).await?;
    Ok(serde_json::from_slice(&body)?)
}
