//! HTTP/3 over QUIC.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::Shared;
use h3::ConnectionState as _;
use h3::client::SendRequest;
use h3::ext::Protocol;
use h3_quinn::OpenStreams;
use http::{Method, Request, Response, StatusCode};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Endpoint, EndpointConfig, Incoming, ServerConfig, TransportConfig, VarInt, ZeroRttAccepted,
};
use sluice_shared::lab::Congestion;
use sluice_wire::{StageHandle, UdpSocket};

use super::app::App;
use super::error::LabError;
use super::tls::SERVER_NAME;
use super::tls_stream::{Early, Progress};

/// Silence after which a connection is given up (RFC 9000 §10.1).
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// What both ends' QUIC is set to; `receive_window` is what the peer may send before it hears from this end, bytes.
pub(super) fn transport(receive_window: Option<u32>, congestion: Congestion) -> TransportConfig {
    let mut config = TransportConfig::default();
    config.max_idle_timeout(IDLE_TIMEOUT.try_into().ok());
    if let Some(bytes) = receive_window {
        config.receive_window(VarInt::from_u32(bytes));
        config.stream_receive_window(VarInt::from_u32(bytes));
    }
    if congestion == Congestion::Bbr {
        config.congestion_controller_factory(Arc::new(quinn::congestion::BbrConfig::default()));
    }
    config
}

/// A server's settings.
pub(super) fn server_config(
    tls: rustls::ServerConfig,
    transport: TransportConfig,
) -> Result<ServerConfig, LabError> {
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// A client's settings.
pub(super) fn client_config(
    tls: rustls::ClientConfig,
    transport: TransportConfig,
) -> Result<ClientConfig, LabError> {
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Serves `app` at `socket`, as long as the stage runs.
pub(super) fn serve(
    stage: &StageHandle,
    socket: Arc<UdpSocket>,
    config: ServerConfig,
    app: &App,
) -> Result<(), LabError> {
    let endpoint = endpoint(stage, socket, Some(config))?;
    let (stage, app) = (stage.clone(), app.clone());
    stage.clone().spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            let (tasks, app) = (stage.clone(), app.clone());
            stage.spawn(async move {
                if let Err(error) = serve_one(tasks, incoming, app).await {
                    tracing::trace!(error, "an HTTP/3 connection ended");
                }
            });
        }
    });
    Ok(())
}

async fn serve_one(stage: StageHandle, incoming: Incoming, app: App) -> Result<(), LabError> {
    // A server may send before it has the client's Finished: its SETTINGS, and answers to early data (RFC 9001 §4.1).
    let Ok((connection, finished)) = incoming.accept()?.into_0rtt() else {
        return Err("a server can always send in half a round trip".into());
    };
    let finished = finished.shared();
    let mut h3 = h3::server::builder()
        .send_grease(false)
        .enable_extended_connect(true)
        .enable_datagram(true)
        .enable_webtransport(true)
        .max_webtransport_sessions(1)
        .build::<_, Bytes>(h3_quinn::Connection::new(connection))
        .await?;
    while let Some(resolver) = h3.accept().await? {
        let (app, finished) = (app.clone(), finished.clone());
        stage.spawn(async move {
            let answered = async {
                let (request, mut stream) = resolver.resolve_request().await?;
                let is_session = request.extensions().get::<Protocol>() == Some(&Protocol::WEB_TRANSPORT);
                if is_session {
                    stream.send_response(Response::new(())).await?;
                    // The session lives as long as its CONNECT stream.
                    while stream.recv_data().await?.is_some() {}
                    return Ok::<_, LabError>(());
                }
                let is_early = finished.now_or_never().is_none();
                let answer = app.answer(request.method(), request.uri().path(), is_early);
                let response = Response::builder().status(answer.status).body(())?;
                stream.send_response(response).await?;
                if !answer.body.is_empty() {
                    stream.send_data(answer.body).await?;
                }
                stream.finish().await?;
                // Left unread, what is left of the request would be refused with a STOP_SENDING.
                while stream.recv_data().await?.is_some() {}
                Ok(())
            };
            if let Err(error) = answered.await {
                tracing::trace!(error, "a request over HTTP/3 ended");
            }
        });
    }
    Ok(())
}

/// An endpoint at `socket`.
pub(super) fn endpoint(
    stage: &StageHandle,
    socket: Arc<UdpSocket>,
    server: Option<ServerConfig>,
) -> Result<Endpoint, LabError> {
    let runtime = Arc::new(stage.clone());
    Ok(Endpoint::new_with_abstract_socket(EndpointConfig::default(), server, socket, runtime)?)
}

/// A client's connection.
#[derive(Clone)]
pub(super) struct Client {
    stage: StageHandle,
    quic: quinn::Connection,
    requests: SendRequest<OpenStreams, Bytes>,
    /// Whether the server takes early data; `None` when none was offered.
    accepted: Option<Shared<ZeroRttAccepted>>,
}

impl Client {
    /// Connects; with a ticket that allows it at once, in 0-RTT, so that the handshake is not over when this returns:
    /// `progress` says where it stands.
    pub(super) async fn connect(
        stage: &StageHandle,
        endpoint: &Endpoint,
        config: ClientConfig,
        server: SocketAddr,
        progress: &Progress,
    ) -> Result<Self, LabError> {
        let (quic, accepted) = match endpoint.connect_with(config, server, SERVER_NAME)?.into_0rtt() {
            Ok((quic, accepted)) => {
                progress.on_early(Early::Offered);
                let accepted = accepted.shared();
                stage.spawn({
                    let (accepted, progress, stage) = (accepted.clone(), progress.clone(), stage.clone());
                    let quic = quic.clone();
                    async move {
                        let is_accepted = accepted.await;
                        if quic.close_reason().is_some() {
                            return;
                        }
                        progress.on_secure(stage.now());
                        progress.on_early(if is_accepted { Early::Accepted } else { Early::Rejected });
                    }
                });
                (quic, Some(accepted))
            }
            Err(connecting) => {
                let quic = connecting.await?;
                progress.on_secure(stage.now());
                (quic, None)
            }
        };
        let requests = open(stage, &quic, accepted.clone()).await?;
        Ok(Self { stage: stage.clone(), quic, requests, accepted })
    }

    /// Sends a request and waits for the head of its answer; one whose early data was refused is sent again.
    pub(super) async fn send(&mut self, method: Method, path: &str) -> Result<Received, LabError> {
        match self.send_once(&method, path).await {
            Err(error) if self.is_refused().await => {
                tracing::trace!(error, "0-RTT was refused");
                self.accepted = None;
                self.requests = open(&self.stage, &self.quic, None).await?;
                self.send_once(&method, path).await
            }
            result => result,
        }
    }

    /// Waits until the handshake is over.
    pub(super) async fn finished(&self) {
        if let Some(accepted) = &self.accepted {
            accepted.clone().await;
        }
    }

    /// Whether the server refused early data, which it says in its first flight.
    async fn is_refused(&self) -> bool {
        match &self.accepted {
            Some(accepted) => !accepted.clone().await && self.quic.close_reason().is_none(),
            None => false,
        }
    }

    async fn send_once(&mut self, method: &Method, path: &str) -> Result<Received, LabError> {
        let uri = format!("https://{SERVER_NAME}{path}");
        let request = Request::builder().method(method).uri(uri).body(())?;
        let mut stream = self.requests.send_request(request).await?;
        stream.finish().await?;
        let head = stream.recv_response().await?;
        Ok(Received { status: head.status(), stream })
    }

    /// Closes the connection at once (RFC 9000 §10.2).
    pub(super) fn close(&self) {
        self.quic.close(VarInt::from_u32(0x100), b"");
    }

    /// Opens a WebTransport session, as soon as the server has said that it takes extended CONNECT (RFC 9220 §3).
    pub(super) async fn open_session(
        stage: &StageHandle,
        endpoint: &Endpoint,
        config: ClientConfig,
        server: SocketAddr,
        progress: &Progress,
    ) -> Result<Session, LabError> {
        let quic = endpoint.connect_with(config, server, SERVER_NAME)?.await?;
        progress.on_secure(stage.now());
        let (mut connection, mut requests) = builder().build(h3_quinn::Connection::new(quic)).await?;
        poll_fn(|cx| match connection.poll_close(cx) {
            _ if requests.settings().enable_extended_connect() => Poll::Ready(Ok(())),
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        })
        .await?;
        keep(stage, connection, None);
        let uri = format!("https://{SERVER_NAME}/wt");
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri(uri)
            .extension(Protocol::WEB_TRANSPORT)
            .header("origin", format!("https://{SERVER_NAME}"))
            .body(())?;
        let mut stream = requests.send_request(request).await?;
        let head = stream.recv_response().await?;
        if head.status() != StatusCode::OK {
            return Err(format!("the server answered {} to the CONNECT", head.status()).into());
        }
        Ok(Session { _requests: requests, _stream: stream })
    }
}

fn builder() -> h3::client::Builder {
    let mut builder = h3::client::builder();
    builder.send_grease(false).enable_extended_connect(true).enable_datagram(true);
    builder
}

/// HTTP/3 on a connection: control stream, SETTINGS, and somebody who reads the server's.
async fn open(
    stage: &StageHandle,
    quic: &quinn::Connection,
    accepted: Option<Shared<ZeroRttAccepted>>,
) -> Result<SendRequest<OpenStreams, Bytes>, LabError> {
    let (connection, requests) = builder().build(h3_quinn::Connection::new(quic.clone())).await?;
    keep(stage, connection, accepted);
    Ok(requests)
}

/// Drives a connection until it ends, or its early data was refused: all its streams are gone then, and it would close
/// the connection for that, so it stays as it is.
fn keep(
    stage: &StageHandle,
    mut connection: h3::client::Connection<h3_quinn::Connection, Bytes>,
    mut accepted: Option<Shared<ZeroRttAccepted>>,
) {
    stage.spawn(async move {
        let mut is_refused = false;
        let error = poll_fn(|cx| {
            if let Some(pending) = &mut accepted
                && let Poll::Ready(is_accepted) = pending.poll_unpin(cx)
            {
                is_refused = !is_accepted;
                accepted = None;
            }
            if is_refused { Poll::Pending } else { connection.poll_close(cx) }
        })
        .await;
        tracing::trace!(%error, "an HTTP/3 connection ended");
    });
}

/// An answer whose head is there.
pub(super) struct Received {
    pub(super) status: StatusCode,
    stream: h3::client::RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>,
}

impl Received {
    /// Reads to its end, and tells how many bytes it had.
    pub(super) async fn body(mut self) -> Result<u64, LabError> {
        use bytes::Buf as _;
        let mut bytes = 0;
        while let Some(data) = self.stream.recv_data().await? {
            bytes += data.remaining() as u64;
        }
        Ok(bytes)
    }
}

/// An open WebTransport session; dropping it closes the connection.
pub(super) struct Session {
    _requests: SendRequest<OpenStreams, Bytes>,
    _stream: h3::client::RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>,
}
