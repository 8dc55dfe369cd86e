//! What labs stand on, bound before the first of them is asked for.

use std::sync::Arc;

use sluice_relay::{Relay, SecretStore};
use sluice_shared::lab::TcpStack;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::ports::{Slot, bind_slots};
use super::quic::Quic;
use super::registry::{Labs, LabsConfig};
use crate::backend::{Backends, Processes};
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::server::StartError;
use crate::tls::KeyedChain;
use crate::wt;

/// The relay, the ports, and the QUIC endpoints behind them.
pub(crate) struct Ground {
    relay: Relay,
    slots: Vec<Slot>,
    quic: Option<Quic>,
    processes: Option<Arc<Processes>>,
    secrets: SecretStore,
    tcp: TcpStack,
    tls: Option<TlsAcceptor>,
}

impl Ground {
    /// Binds what `config` asks for; `None`, and a line in the log, where that can't be had: a server without labs is
    /// still a server. `first_port` is where the ports of labs should begin.
    ///
    /// # Errors
    /// The certificate cannot be used, or the process of a backend cannot be started.
    pub(crate) async fn bind(
        config: &Config,
        clock: Clock,
        first_port: Option<u16>,
        identity: Option<KeyedChain>,
        tls: Option<TlsAcceptor>,
    ) -> Result<Option<Self>, StartError> {
        if config.max_labs == 0 {
            return Ok(None);
        }
        let relay = match Relay::start(clock.for_relay()) {
            Ok(relay) => relay,
            Err(error) => {
                tracing::warn!(%error, "there are no labs: the network emulator cannot start");
                return Ok(None);
            }
        };
        let slots = match bind_slots(config.http.primary().ip(), first_port, config.max_labs) {
            Ok(slots) => slots,
            Err(error) => {
                tracing::warn!(%error, "there are no labs");
                return Ok(None);
            }
        };
        let secrets = SecretStore::default();
        let quic = match identity {
            Some(identity) => Quic::bind(config, &identity, &secrets).await?,
            None => None,
        };
        Ok(Some(Self { relay, slots, quic, processes: None, secrets, tcp: config.tcp, tls }))
    }

    /// The QUIC endpoints that labs lead to, as far as they are in this process.
    pub(crate) fn endpoints(&self) -> &[wt::Endpoint] {
        self.quic.as_ref().map_or(&[], |quic| quic.endpoints.as_slice())
    }

    /// The backends that are processes, to be served, and where their secrets are told.
    pub(crate) fn take_backends(&mut self) -> Option<(Backends, SecretStore)> {
        let backends = self.quic.as_mut()?.backends.take()?;
        self.processes = Some(Arc::clone(backends.processes()));
        Some((backends, self.secrets.clone()))
    }

    /// Opens for labs, until `stop` says true.
    pub(crate) fn open(self, metrics: Arc<Metrics>, stop: watch::Receiver<bool>) -> Labs {
        let config = LabsConfig {
            relay: self.relay,
            slots: self.slots,
            quic: self.quic.map(|quic| quic.upstreams),
            secrets: self.secrets,
            tcp: self.tcp,
            processes: self.processes,
            tls: self.tls,
            stop,
        };
        Labs::new(config, metrics)
    }
}
