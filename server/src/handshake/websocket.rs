//! WebSocket over TLS over TCP.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use sluice_wire::{Net, StageHandle, TcpListener, TcpStream};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

use super::error::LabError;
use super::tls::SERVER_NAME;
use super::tls_stream::{Progress, TlsStream};

/// Takes WebSockets from `listener` and keeps them until their clients go.
pub(super) fn serve(stage: &StageHandle, listener: TcpListener, tls: Arc<ServerConfig>) {
    let stage = stage.clone();
    stage.clone().spawn(async move {
        loop {
            let stream = listener.accept().await;
            let tls = match ServerConnection::new(Arc::clone(&tls)) {
                Ok(tls) => tls,
                Err(error) => {
                    tracing::error!(%error, "TLS settings that no connection can have");
                    continue;
                }
            };
            let stream = TlsStream::server(stream, tls, &stage, &Progress::default());
            stage.spawn(async move {
                match accept_async(stream).await {
                    Ok(mut socket) => {
                        use futures_util::StreamExt as _;
                        while socket.next().await.is_some_and(|message| message.is_ok()) {}
                    }
                    Err(error) => tracing::trace!(%error, "an upgrade ended"),
                }
            });
        }
    });
}

/// Connects, and upgrades (RFC 6455 §4.1); `progress` says where TLS stands.
pub(super) async fn connect(
    stage: &StageHandle,
    net: &Net,
    port: u16,
    tls: &Arc<ClientConfig>,
    progress: &Progress,
) -> Result<WebSocketStream<TlsStream<TcpStream>>, LabError> {
    let stream = net.connect(port).await?;
    let tls = ClientConnection::new(Arc::clone(tls), ServerName::try_from(SERVER_NAME)?)?;
    let stream = TlsStream::client(stream, tls, stage, progress);
    let (socket, _) = client_async(format!("wss://{SERVER_NAME}/ws"), stream).await?;
    Ok(socket)
}
