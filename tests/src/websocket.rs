//! A native WebSocket connection.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::ORIGIN;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};

use sluice_shared::wire::{ClientItem, WEBSOCKET_PATH};

use crate::connection::{Closed, ConnectError, Input, Output, Wires, encoded};
use crate::flood::Drain;
use crate::target::Target;

pub(crate) type Socket = WebSocketStream<TcpStream>;

pub(crate) async fn open(
    target: &Target,
    origin: Option<&str>,
    mut wires: Wires,
) -> Result<JoinSet<()>, ConnectError> {
    let (sink, stream) = connect(target, origin).await?.split();
    wires.tasks.spawn(write(sink, wires.output, wires.flood));
    wires.tasks.spawn(read(stream, wires.input, wires.reading));
    Ok(wires.tasks)
}

async fn connect(target: &Target, origin: Option<&str>) -> Result<Socket, ConnectError> {
    dial(target.http, &format!("{WEBSOCKET_PATH}{}", target.query()), origin).await
}

/// Opens a WebSocket to a path of a server, as a page of `origin` or as a program.
pub(crate) async fn dial(
    server: SocketAddr,
    path: &str,
    origin: Option<&str>,
) -> Result<Socket, ConnectError> {
    let failed = |error: &dyn ToString| ConnectError::Failed(error.to_string());
    let url = format!("ws://{server}{path}");
    let mut request = url.into_client_request().map_err(|error| failed(&error))?;
    if let Some(origin) = origin {
        let origin = HeaderValue::from_str(origin).map_err(|error| failed(&error))?;
        request.headers_mut().insert(ORIGIN, origin);
    }
    let stream = TcpStream::connect(server).await.map_err(|error| failed(&error))?;
    stream.set_nodelay(true).map_err(|error| failed(&error))?;
    // The client's own limit is above the protocol's, so that a server which breaks it is seen by the session.
    let config = WebSocketConfig::default().max_message_size(Some(4 << 20));
    match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err(ConnectError::Refused {
            status: answer.status().as_u16(),
            body: answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned(),
        }),
        Err(error) => Err(failed(&error)),
    }
}

async fn write(mut sink: SplitSink<Socket, Message>, mut output: mpsc::Receiver<Output>, mut flood: Drain) {
    loop {
        let output = tokio::select! {
            // What was handed over is handed over: nothing overtakes it.
            biased;
            Some(block) = flood.next() => {
                let length = block.payload.len();
                if sink.send(Message::Binary(encoded(&ClientItem::Echo(block)))).await.is_err() {
                    return;
                }
                flood.handle_taken(length);
                continue;
            }
            output = output.recv() => output,
        };
        let Some(output) = output else { return };
        let sent = match output {
            Output::Bytes(bytes) => sink.send(Message::Binary(bytes)).await,
            Output::Text(text) => sink.send(Message::text(text)).await,
            Output::Close => sink.send(Message::Close(None)).await,
            Output::Stream(_) | Output::TwoWay(_) | Output::Datagram(_) => Ok(()),
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn read(
    mut stream: SplitStream<Socket>,
    input: mpsc::Sender<Input>,
    mut reading: watch::Receiver<bool>,
) {
    let mut closed = None;
    loop {
        if reading.wait_for(|reading| *reading).await.is_err() {
            return;
        }
        let message = match stream.next().await {
            Some(Ok(Message::Binary(frame))) => Input::Frame(frame),
            Some(Ok(Message::Text(text))) => Input::Frame(Bytes::from(text)),
            Some(Ok(Message::Close(frame))) => {
                let said = |frame: tokio_tungstenite::tungstenite::protocol::CloseFrame| Closed {
                    code: Some(u16::from(frame.code).into()),
                    reason: frame.reason.to_string(),
                };
                closed = frame.map(said);
                continue;
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Err(error)) => Input::Closed(closed.take().unwrap_or_else(|| Closed::by_error(&error))),
            None => Input::Closed(closed.take().unwrap_or_else(|| Closed::by_error(&"end of stream"))),
        };
        let over = matches!(message, Input::Closed(_));
        if input.send(message).await.is_err() || over {
            return;
        }
    }
}
