//! The QUIC endpoints that labs lead to.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::KeyLog;
use sluice_balancer::ServerId;
use sluice_relay::SecretStore;
use sluice_shared::lab::{Congestion, LabEvent};

use super::registry::Upstreams;
use crate::backend;
use crate::config::{Backends, Config, QuicTuning};
use crate::server::StartError;
use crate::tls::{self, KeyedChain};
use crate::wt;

/// Endpoints for each congestion controller, since a connection's is chosen before its first packet is read: as many
/// backends as a balancer may have, and one whose connections may not migrate.
pub(super) struct Quic {
    /// Those in this process.
    pub(super) endpoints: Vec<wt::Endpoint>,
    /// The others.
    pub(super) backends: Option<backend::Backends>,
    /// Where all are.
    pub(super) upstreams: Upstreams,
}

impl Quic {
    /// Binds all; `None`, and a line in the log, where that can't be had in this process.
    ///
    /// # Errors
    /// The certificate cannot be used, or the process of a backend cannot be started.
    pub(super) async fn bind(
        config: &Config,
        identity: &KeyedChain,
        secrets: &SecretStore,
    ) -> Result<Option<Self>, StartError> {
        let group = wt::Group::random()?;
        let tunings = Congestion::ALL.map(|congestion| config.quic_tuning.chosen(congestion));
        let binder = Binder { identity, secrets: Arc::new(tls::KeyLog(secrets.clone())), group: &group };
        let backends = match &config.backends {
            Backends::InProcess => None,
            Backends::Process(program) => {
                Some(backend::Backends::start(program, &tunings, &group, identity.duplicate()).await?)
            }
        };
        match binder.bind_all(tunings, backends.as_ref()) {
            Ok((endpoints, upstreams)) => Ok(Some(Self { endpoints, backends, upstreams })),
            Err(Refusal::Start(error)) => Err(error),
            Err(Refusal::Bind(error)) => {
                tracing::warn!(%error, "labs have no WebTransport");
                Ok(None)
            }
        }
    }
}

/// What all endpoints have in common.
struct Binder<'a> {
    identity: &'a KeyedChain,
    secrets: Arc<dyn KeyLog>,
    group: &'a wt::Group,
}

/// Why an endpoint cannot be bound.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Bind(#[from] io::Error),
}

impl Binder<'_> {
    /// Binds what is not among `processes`, and says where everything is.
    fn bind_all(
        &self,
        tunings: [QuicTuning; Congestion::ALL.len()],
        processes: Option<&backend::Backends>,
    ) -> Result<(Vec<wt::Endpoint>, Upstreams), Refusal> {
        let mut endpoints = Vec::new();
        let mut bind = |tuning: QuicTuning, backend: wt::Backend| -> Result<SocketAddr, Refusal> {
            // Only the relay sends here.
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let secrets = Arc::clone(&self.secrets);
            let config = wt::server_config(self.identity.duplicate(), tuning, Some(Arc::clone(&secrets)))?;
            let place = (backend, self.group);
            let endpoint = wt::Endpoint::bind_backend(address, config, tuning, secrets, place)?;
            let address = endpoint.address();
            endpoints.push(endpoint);
            Ok(address)
        };
        let mut upstreams = Upstreams::new();
        for (index, (congestion, tuning)) in Congestion::ALL.into_iter().zip(tunings).enumerate() {
            let addresses = match processes.and_then(|processes| processes.addresses(index)) {
                Some(addresses) => addresses,
                None => (0..LabEvent::MAX_BACKENDS)
                    .map(|number| bind(tuning, wt::Backend { server: ServerId(number), migrates: true }))
                    .collect::<Result<_, _>>()?,
            };
            let still = wt::Backend { server: ServerId(LabEvent::MAX_BACKENDS), migrates: false };
            let still = bind(tuning, still)?;
            upstreams.insert(congestion, sluice_relay::Upstreams::balanced(addresses, still));
        }
        Ok((endpoints, upstreams))
    }
}
