//! A native observer of a lab: a WebSocket that only receives.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde::de::DeserializeOwned;
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::connection::ConnectError;
use crate::deadline::{in_time, must};
use crate::websocket::{Socket, dial};

/// A WebSocket that reports come over.
#[derive(Debug)]
pub struct Observer {
    socket: Socket,
}

/// The end of an observer's WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObserverEnd {
    /// The close frame's code.
    pub code: u16,
    /// The close frame's reason.
    pub reason: String,
}

impl Observer {
    /// Opens `path` of a server, as a page of `origin` or as a program.
    ///
    /// # Errors
    /// The server refuses, or does not answer.
    pub async fn open(server: SocketAddr, path: &str, origin: Option<&str>) -> Result<Self, ConnectError> {
        Ok(Self { socket: dial(server, path, origin).await? })
    }

    /// The next report, or the close frame.
    ///
    /// # Panics
    /// There is none for too long, it is not understood, or the connection ends without a close frame.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<T, ObserverEnd> {
        in_time("a report", async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Ok(must("reading a report", serde_json::from_str(&text)));
                    }
                    Some(Ok(Message::Close(Some(frame)))) => {
                        let (code, reason) = (u16::from(frame.code), frame.reason.to_string());
                        return Err(ObserverEnd { code, reason });
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("no report and no close frame, but {other:?}"),
                }
            }
        })
        .await
    }

    /// Waits for a report for which `condition` holds.
    ///
    /// # Panics
    /// There is none for too long, or the WebSocket is closed; the panic says `what` was waited for.
    pub async fn until<T: DeserializeOwned>(&mut self, what: &str, condition: impl Fn(&T) -> bool) -> T {
        in_time(what, async {
            loop {
                let report = must(what, self.next().await);
                if condition(&report) {
                    return report;
                }
            }
        })
        .await
    }

    /// Waits for the close frame.
    ///
    /// # Panics
    /// There is none for too long.
    pub async fn end(&mut self) -> ObserverEnd {
        in_time("the close frame", async {
            loop {
                if let Err(end) = self.next::<serde_json::Value>().await {
                    return end;
                }
            }
        })
        .await
    }

    /// Sends a text, which no observer has to.
    ///
    /// # Panics
    /// It cannot be sent.
    pub async fn send(&mut self, text: &str) {
        must("sending", self.socket.send(Message::text(text)).await);
    }
}
