//! What labs stand on, bound before the first of them is asked for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sluice_balancer::ServerId;
use sluice_relay::{Relay, SecretStore};
use sluice_shared::lab::{LabEvent, TcpStack};
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

/// The QUIC endpoints: those of CUBIC first, then those of BBR.
struct Quic {
    all: Vec<wt::Endpoint>,
    upstreams: Upstreams,
}

/// The relay, the ports, and the QUIC endpoints behind them.
pub(crate) struct Ground {
    relay: Relay,
    slots: Vec<Slot>,
    quic: Option<Quic>,
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
        self.quic.as_ref().map_or(&[], |quic| quic.all.as_slice())
    }

    /// Opens for labs, until `stop` says true.
    pub(crate) fn open(self, metrics: Arc<Metrics>, stop: watch::Receiver<bool>) -> Labs {
        let config = LabsConfig {
            relay: self.relay,
            slots: self.slots,
            quic: self.quic.map(|quic| quic.upstreams),
            secrets: self.secrets,
            tcp: self.tcp,
            tls: self.tls,
            stop,
        };
        Labs::new(config, metrics)
    }
}

/// Endpoints for each congestion controller, since a connection's is chosen before its first packet is read: as many
/// backends as a balancer may have, and one whose connections may not migrate.
fn bind_endpoints(
    config: &Config,
    identity: &KeyedChain,
    secrets: &SecretStore,
) -> Result<Option<Quic>, StartError> {
    let group = wt::Group::default();
    let bind = |congestion: Congestion, backend: wt::Backend| -> Result<_, StartError> {
        let tuning = QuicTuning { congestion, ..config.quic_tuning };
        // Only the relay sends here.
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let server_config = wt::server_config(identity.duplicate(), tuning, Some(secrets.clone()))?;
        let place = (backend, &group);
        match wt::Endpoint::bind_backend(address, server_config, tuning, secrets.clone(), place) {
            Ok(endpoint) => Ok(Some(endpoint)),
            Err(error) => {
                tracing::warn!(%error, "labs have no WebTransport");
                Ok(None)
            }
        }
    };
    let mut all = Vec::new();
    let mut bind_all = |congestion: Congestion| -> Result<Option<sluice_relay::Upstreams>, StartError> {
        let mut addresses = Vec::new();
        for number in 0..LabEvent::MAX_BACKENDS {
            let backend = wt::Backend { server: ServerId(number), migrates: true };
            let Some(endpoint) = bind(congestion, backend)? else { return Ok(None) };
            addresses.push(endpoint.address());
            all.push(endpoint);
        }
        let still = wt::Backend { server: ServerId(LabEvent::MAX_BACKENDS), migrates: false };
        let Some(still) = bind(congestion, still)? else { return Ok(None) };
        let upstreams = sluice_relay::Upstreams::balanced(addresses, still.address());
        all.push(still);
        Ok(Some(upstreams))
    };
    let upstreams = bind_all(Congestion::Cubic)?.zip(bind_all(Congestion::Bbr)?);
    Ok(upstreams.map(|(cubic, bbr)| Quic { all, upstreams: Upstreams { cubic, bbr } }))
}
