//! `/echo`: every message comes back as it was, for anybody's client and any conformance suite.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use sluice_shared::wire::CloseCode;
use tokio::sync::watch;
use tokio::time::timeout;
use tungstenite::Message;

use super::closing::{close, read_error};
use super::handshake::Socket;
use super::upgrade::{admit, limits};
use crate::http::{App, Peer, ProblemResponse};
use crate::session::{Ended, Permit};

/// Largest frame, and largest message joined from its fragments, bytes.
const MAX_MESSAGE: usize = 1024 * 1024;
/// How long a client may be silent, and how long it may take to read what came back.
const PATIENCE: Duration = Duration::from_secs(60);

/// Turns the request into a WebSocket that echoes.
pub(crate) async fn upgrade(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
) -> Result<Response, ProblemResponse> {
    let (handshake, permit) = admit(&app, &peer, &mut request, "/echo")?;
    let stopping = app.sessions.stopping();
    let config = limits(MAX_MESSAGE, 2 * MAX_MESSAGE);
    Ok(handshake.answer(config, async move |socket| echo(socket, stopping, permit).await))
}

async fn echo(mut socket: Socket, mut stopping: watch::Receiver<bool>, permit: Permit) {
    let ending = tokio::select! {
        ending = answer(&mut socket) => ending,
        _ = stopping.wait_for(|stopping| *stopping) => {
            Some((CloseCode::GoingAway, "the server stops".to_owned()))
        }
    };
    if let Some((code, reason)) = ending
        && !close(&mut socket, code, &reason).await
    {
        tracing::debug!("a client of /echo did not take its close");
    }
    drop(permit);
}

/// Returns what comes until the client closes or leaves; why it has to be closed, if it has.
async fn answer(socket: &mut Socket) -> Option<(CloseCode, String)> {
    let silent = || Some((CloseCode::Unresponsive, format!("nothing moved for {} s", PATIENCE.as_secs())));
    loop {
        let Ok(received) = timeout(PATIENCE, socket.next()).await else { return silent() };
        match received? {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                let Ok(sent) = timeout(PATIENCE, socket.send(message)).await else { return silent() };
                sent.ok()?;
            }
            // The library answers pings and close frames itself.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
            Err(error) => match read_error(error) {
                Ended::Refused(code, reason) => return Some((code, reason)),
                Ended::Left(_) => return None,
            },
        }
    }
}
