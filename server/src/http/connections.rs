//! TCP connections, from their acceptance to HTTP.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use sluice_shared::lab::Congestion;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use super::socket::{Peer, SharedTcp, Socket};
use crate::clock::Clock;
use crate::frames::{Board, Tapped};
use crate::labs::{Arrival, Ramp};
use crate::metrics::Metrics;

/// How long a client may take for the head of a request, and a TLS handshake.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a connection may speak HTTP; a client that reads an answer too slowly is cut off some time after that.
const LIFETIME: Duration = Duration::from_secs(300);
/// Bytes of a request's head at most.
const HEAD_BYTES: usize = 16 * 1024;
/// Connections that speak HTTP at a time; those that have become WebSockets do not count.
const MOST_CONNECTIONS: usize = 1_024;
/// How long to wait when the system has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket that listens, and what its connections speak.
pub(crate) struct Listening {
    /// The socket.
    pub(crate) listener: TcpListener,
    /// TLS, if it is spoken.
    pub(crate) tls: Option<TlsAcceptor>,
}

/// Accepts connections until `stop` says true, then lets those that are in the middle of a request end it.
pub(crate) async fn serve(
    listening: Listening,
    router: Router,
    metrics: Arc<Metrics>,
    mut stop: watch::Receiver<bool>,
) {
    let Listening { listener, tls } = listening;
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = stopped(&mut stop) => return,
        };
        let Some((socket, address, slot)) = accepted else { continue };
        let (router, tls, stop, metrics) = (router.clone(), tls.clone(), stop.clone(), Arc::clone(&metrics));
        tokio::spawn(async move {
            metrics.tcp_connections.inc();
            let socket = Arc::new(socket);
            let io = SharedTcp(Arc::clone(&socket));
            let socket = Socket::Kernel(socket);
            let peer = Peer { socket, address, encrypted: tls.is_some(), tap: None, stop };
            speak(io, peer, tls, router).await;
            metrics.tcp_connections.dec();
            drop(slot);
        });
    }
}

/// Accepts the connections that come through a lab's network, until the lab is over or `stop` says true.
///
/// How many there are at a time is bounded by the network.
pub(crate) async fn serve_ramp(
    mut ramp: Ramp,
    congestion: Congestion,
    tls: Option<TlsAcceptor>,
    router: Router,
    metrics: Arc<Metrics>,
    (frames, clock): (Arc<Board>, Clock),
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = ramp.accept() => accepted,
            () = stopped(&mut stop) => return,
        };
        let Some(arrival) = accepted else { return };
        let tap = Some(frames.tap(clock));
        let (router, tls, stop, metrics) = (router.clone(), tls.clone(), stop.clone(), Arc::clone(&metrics));
        tokio::spawn(async move {
            metrics.tcp_connections.inc();
            let encrypted = tls.is_some();
            match arrival {
                Arrival::Model(io) => {
                    let socket = Socket::Emulated(io.handle(), congestion);
                    let peer = Peer { socket, address: io.peer(), encrypted, tap, stop };
                    speak(io, peer, tls, router).await;
                }
                #[cfg(target_os = "linux")]
                Arrival::Kernel(io) => {
                    let socket = Socket::Relayed(io.handle());
                    let peer = Peer { socket, address: io.peer(), encrypted, tap, stop };
                    speak(io, peer, tls, router).await;
                }
            }
            metrics.tcp_connections.dec();
        });
    }
}

/// Speaks TLS, if it is to be spoken, and HTTP.
async fn speak(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    tls: Option<TlsAcceptor>,
    router: Router,
) {
    let address = peer.address;
    match tls {
        None => speak_http(io, peer, router).await,
        Some(tls) => match timeout(HEAD_TIME, tls.accept(io)).await {
            Ok(Ok(io)) => speak_http(io, peer, router).await,
            Ok(Err(error)) => tracing::debug!(%address, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%address, "TLS handshake took too long"),
        },
    }
}

/// Completes when the server stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone has stopped, too.
    drop(stop.wait_for(|stop| *stop).await);
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, std::net::SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, address)) => {
            // A message is a write: waiting for more of them only adds delay.
            if let Err(error) = socket.set_nodelay(true) {
                tracing::debug!(%address, %error, "TCP_NODELAY cannot be set");
            }
            Some((socket, address, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection cannot be accepted");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn speak_http(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer, router: Router) {
    let (address, mut stop) = (peer.address, peer.stop.clone());
    let io = Tapped::new(io, peer.tap.clone());
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        let mut router = router.clone();
        async move {
            let response: Result<Response<Body>, Infallible> = router.call(request).await;
            response
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => Some(result),
        () = stopped(&mut stop) => None,
        () = sleep(LIFETIME) => None,
    };
    let result = match result {
        Some(result) => result,
        None => {
            connection.as_mut().graceful_shutdown();
            let Ok(result) = timeout(HEAD_TIME, connection).await else {
                tracing::debug!(%address, "an HTTP connection did not end in time");
                return;
            };
            result
        }
    };
    if let Err(error) = result {
        tracing::debug!(%address, %error, "HTTP connection ended");
    }
}
