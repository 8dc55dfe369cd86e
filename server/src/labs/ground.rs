//! What labs stand on, bound before the first of them is asked for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sluice_relay::{Relay, SecretStore};
use sluice_shared::lab::TcpStack;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::ports::{Slot, bind_slots};
use super::registry::{Labs, LabsConfig, Upstreams};
use crate::clock::Clock;
use crate::config::{Config, Congestion, QuicTuning};
use crate::metrics::Metrics;
use crate::server::StartError;
use crate::tls::KeyedChain;
use crate::wt;

/// The relay, the ports, and the QUIC endpoints behind them.
pub(crate) struct Ground {
    relay: Relay,
    slots: Vec<Slot>,
    quic: Option<[wt::Endpoint; 2]>,
    secrets: SecretStore,
    tcp: TcpStack,
    tls: Option<TlsAcceptor>,
}

impl Ground {
    /// Binds what `config` asks for; `None`, and a line in the log, where that can't be had: a server without labs is
    /// still a server. `first_port` is where the ports of labs should begin.
    ///
    /// # Errors
    /// The certificate cannot be used.
    pub(crate) fn bind(
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
            Some(identity) => bind_endpoints(config, &identity, &secrets)?,
            None => None,
        };
        Ok(Some(Self { relay, slots, quic, secrets, tcp: config.tcp, tls }))
    }

    /// The QUIC endpoints that labs lead to.
    pub(crate) fn endpoints(&self) -> &[wt::Endpoint] {
        self.quic.as_ref().map_or(&[], |endpoints| endpoints.as_slice())
    }

    /// Opens for labs, until `stop` says true.
    pub(crate) fn open(self, metrics: Arc<Metrics>, stop: watch::Receiver<bool>) -> Labs {
        let quic =
            self.quic.as_ref().map(|[cubic, bbr]| Upstreams { cubic: cubic.address(), bbr: bbr.address() });
        let config = LabsConfig {
            relay: self.relay,
            slots: self.slots,
            quic,
            secrets: self.secrets,
            tcp: self.tcp,
            tls: self.tls,
            stop,
        };
        Labs::new(config, metrics)
    }
}

/// An endpoint for each congestion controller: a connection's is chosen before its first packet is read.
fn bind_endpoints(
    config: &Config,
    identity: &KeyedChain,
    secrets: &SecretStore,
) -> Result<Option<[wt::Endpoint; 2]>, StartError> {
    let bind = |congestion: Congestion| -> Result<_, StartError> {
        let tuning = QuicTuning { congestion, ..config.quic_tuning };
        // Only the relay sends here.
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let server_config = wt::server_config(identity.duplicate(), tuning, Some(secrets.clone()))?;
        match wt::Endpoint::bind(address, server_config, tuning, Some(secrets.clone())) {
            Ok(endpoint) => Ok(Some(endpoint)),
            Err(error) => {
                tracing::warn!(%error, "labs have no WebTransport");
                Ok(None)
            }
        }
    };
    Ok(bind(Congestion::Cubic)?.zip(bind(Congestion::Bbr)?).map(|(cubic, bbr)| [cubic, bbr]))
}
