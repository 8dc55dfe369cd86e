//! A native WebSocket connection.

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use sluice_shared::wire::WEBSOCKET_PATH;
use sluice_shared::wire::codec::MAX_FRAME;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};

use super::connection::{Input, Target, Wires};

type Socket = WebSocketStream<TcpStream>;

/// Connects, and starts to read and write.
///
/// # Errors
/// There is no connection, or the server refuses it.
pub(super) async fn open(target: &Target, mut wires: Wires) -> Result<JoinSet<()>, String> {
    let Target { websocket, lane, .. } = target;
    let stream = TcpStream::connect(websocket).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let url = format!("ws://{websocket}{WEBSOCKET_PATH}?lane={lane}");
    let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME));
    let (socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(config))
        .await
        .map_err(|error| error.to_string())?;
    let (sink, stream) = socket.split();
    wires.tasks.spawn(write(sink, wires.output));
    wires.tasks.spawn(read(stream, wires.input));
    Ok(wires.tasks)
}

async fn write(mut sink: SplitSink<Socket, Message>, mut output: mpsc::Receiver<Bytes>) {
    while let Some(items) = output.recv().await {
        if sink.send(Message::Binary(items)).await.is_err() {
            return;
        }
    }
}

async fn read(mut stream: SplitStream<Socket>, input: mpsc::Sender<Input>) {
    while let Some(Ok(message)) = stream.next().await {
        let Message::Binary(frame) = message else { continue };
        if input.send(Input::Frame(frame)).await.is_err() {
            return;
        }
    }
}
