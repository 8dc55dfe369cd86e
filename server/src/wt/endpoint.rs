//! A UDP socket that speaks QUIC.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rustls::KeyLog;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use wtransport::quinn;

use super::accept::accept;
use super::backend::{Backend, Group};
use super::settings::server_config;
use crate::config::QuicTuning;
use crate::http::OriginRule;
use crate::labs::Labs;
use crate::server::StartError;
use crate::session::Sessions;
use crate::tls::KeyedChain;

/// Handshakes at a time.
const MOST_HANDSHAKES: usize = 256;
/// From this many handshakes on a client must show first that it receives at its address (RFC 9000 §8.1).
const UNPROVEN_HANDSHAKES: usize = 64;
/// How long connections may take to be told that they are over.
const CLOSE_TIME: Duration = Duration::from_millis(300);

/// An endpoint that accepts WebTransport sessions.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    quic: quinn::Endpoint,
    address: SocketAddr,
    tuning: QuicTuning,
    /// Where its connections' secrets are told: labs' alone.
    secrets: Option<Arc<dyn KeyLog>>,
    /// Which of a lab's backends it is.
    backend: Option<Backend>,
}

impl Endpoint {
    /// Binds `address`; must be called inside a runtime.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub(crate) fn bind(
        address: SocketAddr,
        config: quinn::ServerConfig,
        tuning: QuicTuning,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        let address = socket.local_addr()?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let quic = quinn::Endpoint::new(quinn::EndpointConfig::default(), Some(config), socket, runtime)?;
        Ok(Self { quic, address, tuning, secrets: None, backend: None })
    }

    /// Binds `address` for one of several backends, whose connection IDs say which; must be called inside a runtime.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub(crate) fn bind_backend(
        address: SocketAddr,
        config: quinn::ServerConfig,
        tuning: QuicTuning,
        secrets: Arc<dyn KeyLog>,
        (backend, group): (Backend, &Group),
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        let address = socket.local_addr()?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let config = followed(config, Some(backend));
        let quic = quinn::Endpoint::new(group.endpoint(backend), Some(config), socket, runtime)?;
        Ok(Self { quic, address, tuning, secrets: Some(secrets), backend: Some(backend) })
    }

    /// Where it is bound.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Presents another certificate to new connections; those there are go on.
    ///
    /// # Errors
    /// The certificate cannot be used; the earlier one stays.
    pub(crate) fn present(&self, identity: KeyedChain) -> Result<(), StartError> {
        let config = server_config(identity, self.tuning, self.secrets.clone())?;
        self.quic.set_server_config(Some(followed(config, self.backend)));
        Ok(())
    }

    /// Runs sessions until `stop` says true.
    pub(crate) async fn serve(
        self,
        sessions: Arc<Sessions>,
        origins: OriginRule,
        labs: Option<Arc<Labs>>,
        stop: watch::Receiver<bool>,
    ) {
        let (origins, tuning) = (Arc::new(origins), self.tuning);
        self.accept(stop, |incoming, permit| {
            let (sessions, origins, labs) = (Arc::clone(&sessions), Arc::clone(&origins), labs.clone());
            async move {
                let metrics = Arc::clone(sessions.metrics());
                metrics.quic_connections.inc();
                accept(incoming, permit, &sessions, &origins, tuning, labs.as_deref()).await;
                metrics.quic_connections.dec();
            }
        })
        .await;
    }

    /// Hands connections to `handle`, each with the permit of a handshake, until `stop` says true.
    pub(crate) async fn accept<F>(
        &self,
        mut stop: watch::Receiver<bool>,
        handle: impl Fn(quinn::Incoming, OwnedSemaphorePermit) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let handshakes = Arc::new(Semaphore::new(MOST_HANDSHAKES));
        loop {
            let incoming = tokio::select! {
                incoming = self.quic.accept() => incoming,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let Some(incoming) = incoming else { return };
            let Ok(handshake) = Arc::clone(&handshakes).try_acquire_owned() else {
                incoming.refuse();
                continue;
            };
            let busy = MOST_HANDSHAKES - handshakes.available_permits() > UNPROVEN_HANDSHAKES;
            if busy && incoming.may_retry() {
                if let Err(error) = incoming.retry() {
                    tracing::debug!(%error, "a client could not be asked to prove its address");
                }
                continue;
            }
            tokio::spawn(handle(incoming, handshake));
        }
    }

    /// Closes what is still open, and waits a little for the news to leave.
    pub(crate) async fn close(&self) {
        self.quic.close(quinn::VarInt::from_u32(0), b"the server stops");
        if tokio::time::timeout(CLOSE_TIME, self.quic.wait_idle()).await.is_err() {
            tracing::debug!(address = %self.address, "not every QUIC connection was closed in time");
        }
    }
}

/// `config` as `backend` needs it.
fn followed(mut config: quinn::ServerConfig, backend: Option<Backend>) -> quinn::ServerConfig {
    config.migration(backend.is_none_or(|backend| backend.migrates));
    config
}
