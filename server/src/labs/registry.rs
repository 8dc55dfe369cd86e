//! All labs.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluice_relay::{FlowId, Network, Relay, SecretStore};
use sluice_shared::lab::{Congestion, LinkRequest, TcpStack};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::lab::Lab;
use super::ports::Slot;
use super::ramp::Ramp;
use super::settings::{RequestError, Settings};
use crate::backend::Processes;
use crate::metrics::Metrics;

/// Seeds that the server draws are below this, so that people can read and type them.
const DRAWN_SEEDS: u32 = 1_000_000;
/// How long a lab that is over may take to let go of its sockets; its ports are taken again after that in any case.
const RELEASE_TIME: Duration = Duration::from_secs(1);

/// What labs need of the server.
pub(crate) struct LabsConfig {
    /// Drives all networks.
    pub(crate) relay: Relay,
    /// The ports that labs take turns in.
    pub(crate) slots: Vec<Slot>,
    /// Where UDP goes, by congestion controller; `None` without WebTransport.
    pub(crate) quic: Option<Upstreams>,
    /// Whose TCP crosses the networks.
    pub(crate) tcp: TcpStack,
    /// What the QUIC endpoints tell of their connections.
    pub(crate) secrets: SecretStore,
    /// The backends, where they are processes.
    pub(crate) processes: Option<Arc<Processes>>,
    /// TLS, if the page is served with it.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Says true when the server stops.
    pub(crate) stop: watch::Receiver<bool>,
}

/// QUIC endpoints of this server that take the connections of labs.
pub(crate) type Upstreams = BTreeMap<Congestion, sluice_relay::Upstreams>;

/// The far ends of a lab's TCP connections, by congestion controller.
pub(crate) type Ramps = Vec<(Congestion, Ramp)>;

/// The labs of a server.
pub(crate) struct Labs {
    config: LabsConfig,
    metrics: Arc<Metrics>,
    pool: Arc<Pool>,
    open: Mutex<BTreeMap<String, Arc<Lab>>>,
    numbers: Vec<u16>,
}

/// The ports that no lab has.
struct Pool {
    free: Mutex<VecDeque<Slot>>,
    /// How many slots are about to come back.
    returning: watch::Sender<usize>,
}

/// Why there is no new lab.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateError {
    /// The request is refused.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// All ports are taken.
    #[error("all {0} labs are taken: close a page that has one, or start the server with more --labs")]
    Full(usize),
    /// The system has no more descriptors or random numbers.
    #[error("no lab can be made: {0}")]
    System(#[from] io::Error),
}

impl fmt::Debug for Labs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Labs").field("open", &self.count()).field("ports", &self.numbers).finish()
    }
}

impl Labs {
    pub(crate) fn new(mut config: LabsConfig, metrics: Arc<Metrics>) -> Self {
        let free: VecDeque<Slot> = std::mem::take(&mut config.slots).into();
        let numbers = free.iter().flat_map(Slot::numbers).collect();
        let pool = Arc::new(Pool { free: Mutex::new(free), returning: watch::Sender::new(0) });
        Self { config, metrics, pool, open: Mutex::default(), numbers }
    }

    /// Every port that a lab may have.
    pub(crate) fn ports(&self) -> &[u16] {
        &self.numbers
    }

    /// TLS, if the page is served with it.
    pub(crate) fn tls(&self) -> Option<TlsAcceptor> {
        self.config.tls.clone()
    }

    /// Says true when the server stops.
    pub(crate) fn stop(&self) -> watch::Receiver<bool> {
        self.config.stop.clone()
    }

    /// How many labs are open.
    pub(crate) fn count(&self) -> usize {
        self.open.lock().len()
    }

    /// A new lab, and the far ends of the TCP connections that come to it.
    ///
    /// # Errors
    /// The request is refused, or there is no room.
    pub(crate) async fn create(&self, request: LinkRequest) -> Result<(Arc<Lab>, Ramps), CreateError> {
        let random = || -> io::Result<u128> {
            let mut bytes = [0; 16];
            getrandom::fill(&mut bytes).map_err(io::Error::other)?;
            Ok(u128::from_le_bytes(bytes))
        };
        let seed = u64::try_from(random()? % u128::from(DRAWN_SEEDS)).unwrap_or(0);
        let settings = Settings::new(request, seed)?;
        let id = format!("{:032x}", random()?);
        // No waiting from here on: a caller that leaves meanwhile would take the ports along.
        let slot =
            self.pool.take().await.ok_or(CreateError::Full(self.numbers.len() / Congestion::ALL.len()))?;
        let network = self.config.relay.network(settings.profile.clone(), settings.seed);
        network.open_quic(self.config.secrets.clone());
        let ramps = match self.connect(&network, &slot) {
            Ok(ramps) => ramps,
            Err(error) => {
                network.close();
                self.pool.put_back(slot);
                return Err(error.into());
            }
        };
        let ports = slot.ports(self.config.quic.is_some());
        let lab = Lab::alone(id.clone(), network, settings, self.config.tcp);
        let lab = Arc::new(lab.lending(slot, ports, self.config.processes.clone()));
        self.open.lock().insert(id, Arc::clone(&lab));
        self.metrics.labs.inc();
        Ok((lab, ramps))
    }

    /// The lab of this name, which lives on for having been asked for.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Lab>> {
        let lab = self.open.lock().get(id).cloned()?;
        lab.touch();
        Some(lab)
    }

    /// Ends the lab of this name; says whether there was one.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let Some(lab) = self.open.lock().remove(id) else { return false };
        self.end(&lab);
        true
    }

    /// Ends what nobody has needed for a while.
    pub(crate) fn sweep(&self) {
        let mut open = self.open.lock();
        let abandoned: Vec<String> =
            open.values().filter(|lab| lab.is_abandoned()).map(|lab| lab.id().to_owned()).collect();
        let ended: Vec<Arc<Lab>> = abandoned.iter().filter_map(|id| open.remove(id)).collect();
        drop(open);
        for lab in ended {
            self.end(&lab);
        }
    }

    /// Ends all.
    pub(crate) fn end_all(&self) {
        for lab in std::mem::take(&mut *self.open.lock()).into_values() {
            self.end(&lab);
        }
    }

    /// The process of a backend has come or gone.
    pub(crate) fn follow_process(&self, backend: u8) {
        for lab in self.open.lock().values() {
            lab.follow_process(backend);
        }
    }

    /// The flow that reaches this server's QUIC endpoint from `relay_side`.
    pub(crate) fn udp_flow(&self, relay_side: SocketAddr) -> Option<(Network, FlowId)> {
        self.open.lock().values().find_map(|lab| {
            let flow = lab.network().udp_flow_from(relay_side)?;
            Some((lab.network().clone(), flow))
        })
    }

    fn connect(&self, network: &Network, slot: &Slot) -> io::Result<Ramps> {
        let open = |congestion: Congestion| -> io::Result<_> {
            let (tcp, udp) = slot.sockets(congestion)?;
            if let Some(upstreams) = self.config.quic.as_ref().and_then(|quic| quic.get(&congestion)) {
                network.relay_udp(udp, upstreams.clone(), congestion)?;
            }
            Ok((congestion, Ramp::open(network, tcp, congestion, self.config.tcp)?))
        };
        Congestion::ALL.into_iter().map(open).collect()
    }

    fn end(&self, lab: &Lab) {
        self.metrics.labs.dec();
        if let Some(slot) = lab.end() {
            self.pool.put_back_after(lab.network().clone(), slot);
        }
    }
}

impl Pool {
    /// A slot, if need be one that is about to come back; `None` when all are taken.
    async fn take(&self) -> Option<Slot> {
        let mut returning = self.returning.subscribe();
        let taken = async {
            loop {
                let was_last_look = *returning.borrow_and_update() == 0;
                let slot = self.free.lock().pop_front();
                if slot.is_some() || was_last_look {
                    return slot;
                }
                returning.changed().await.ok()?;
            }
        };
        timeout(2 * RELEASE_TIME, taken).await.ok().flatten()
    }

    fn put_back(&self, slot: Slot) {
        self.free.lock().push_back(slot);
    }

    /// Puts `slot` back when nothing of `network`, which has closed, reads its sockets any more: it would take what is
    /// for the next lab.
    fn put_back_after(self: &Arc<Self>, network: Network, slot: Slot) {
        self.returning.send_modify(|count| *count += 1);
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            if timeout(RELEASE_TIME, network.closed()).await.is_err() {
                tracing::warn!("a lab that is over holds on to its sockets");
            }
            pool.put_back(slot);
            pool.returning.send_modify(|count| *count -= 1);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use sluice_shared::link::NetworkProfile;

    use super::*;
    use crate::clock::Clock;
    use crate::labs::ports::bind_slots;

    #[tokio::test]
    async fn ports_are_taken_again_when_nothing_of_the_last_lab_reads_them_any_more() {
        let slots = bind_slots(Ipv4Addr::LOCALHOST.into(), None, 1).expect("free ports");
        let relay = Relay::start(Clock::start().for_relay()).expect("threads");
        let network = relay.network(NetworkProfile::none(), 1);
        let pool = Arc::new(Pool { free: Mutex::new(slots.into()), returning: watch::Sender::new(0) });
        let slot = pool.take().await.expect("a free slot");
        assert!(pool.take().await.is_none(), "it is the only one, and nobody gives it back");
        pool.put_back_after(network.clone(), slot);
        for _ in 0..10 {
            tokio::task::yield_now().await;
            assert!(pool.free.lock().is_empty(), "the network is open");
        }
        network.close();
        assert!(pool.take().await.is_some());
    }
}
