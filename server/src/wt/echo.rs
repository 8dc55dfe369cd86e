//! `/echo` over WebTransport: streams and datagrams come back as they were.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wtransport::{Connection, VarInt};

use sluice_shared::wire::CloseCode;

/// Where it is.
pub(super) const PATH: &str = "/echo";
/// Bytes that one stream may carry.
const MAX_STREAM: u64 = 16 * 1024 * 1024;
/// How long a client may be silent, and how long it may take to read what came back.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is read at once, bytes.
const CHUNK: usize = 16 * 1024;

/// Returns what comes on bidirectional streams on the same stream, on unidirectional ones on a stream of the server's,
/// and datagrams as datagrams, until the client leaves or the server stops.
///
/// How many streams there are at a time is bounded by what QUIC allows the client.
pub(crate) async fn echo(connection: Connection, mut stopping: watch::Receiver<bool>) {
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_bi() => match stream {
                Ok((send, receive)) => drop(streams.spawn(copy(receive, send))),
                Err(_) => break,
            },
            stream = connection.accept_uni() => match stream {
                Ok(receive) => drop(streams.spawn(answer(connection.clone(), receive))),
                Err(_) => break,
            },
            datagram = connection.receive_datagram() => match datagram {
                // One that does not fit back, as the path may differ, is lost: such is a datagram's life.
                Ok(datagram) => drop(connection.send_datagram(datagram.payload())),
                Err(_) => break,
            },
            Some(_ended) = streams.join_next() => {}
            _ = stopping.wait_for(|stopping| *stopping) => {
                let code = VarInt::from_u32(CloseCode::GoingAway.webtransport());
                connection.close(code, b"the server stops");
                break;
            }
        }
    }
}

/// Answers on a stream of the server's own.
async fn answer(connection: Connection, receive: impl AsyncRead + Unpin) -> Option<()> {
    let opening = connection.open_uni().await.ok()?;
    let send = timeout(PATIENCE, opening).await.ok()?.ok()?;
    copy(receive, send).await
}

/// Copies to the end; a stream that is too long, or does not move, is reset by being dropped.
async fn copy(mut receive: impl AsyncRead + Unpin, mut send: impl AsyncWrite + Unpin) -> Option<()> {
    let mut buffer = vec![0; CHUNK];
    let mut copied = 0u64;
    loop {
        let length = timeout(PATIENCE, receive.read(&mut buffer)).await.ok()?.ok()?;
        if length == 0 {
            return send.shutdown().await.ok();
        }
        copied += length as u64;
        if copied > MAX_STREAM {
            return None;
        }
        timeout(PATIENCE, send.write_all(buffer.get(..length)?)).await.ok()?.ok()?;
    }
}
