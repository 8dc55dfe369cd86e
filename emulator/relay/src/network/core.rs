//! The network itself: its settings and its flows.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use sluice_link::Weather;
use sluice_shared::lab::{BalancerReport, FlowReport, LabReport};
use sluice_shared::link::NetworkProfile;
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;
use tokio::sync::watch;

use super::balance::Balance;
use super::flow::{Flow, FlowId, Reading};
use super::handle::Handle;
use super::settings::Settings;
use super::spoofs::Spoofs;
use super::switches::{Order, SeenChange, Switches};
use super::tunnels::Tunnels;
use crate::engine::Engine;
use crate::quic::SecretStore;
use crate::relay::Threads;
use crate::tap::Tap;

/// Most TCP connections of a network.
pub(crate) const MAX_TCP_FLOWS: usize = 256;
/// Most UDP flows of a network.
const MAX_UDP_FLOWS: usize = 64;
/// A UDP flow that was silent for this long makes room for a new one when there is none.
const EVICTABLE_AFTER: Duration = Duration::from_secs(1);

/// Addresses by which the server may know a UDP flow: the newest, and those before it, since a handshake may take its time.
const MAX_RELAY_SIDES: usize = 8;

/// A network; see [`super::Network`].
///
/// A flow that wants something of its network lets go of its own lock first; and whoever drives a flow, which may end by
/// that, does not hold the network's.
pub(crate) struct Core {
    /// Told apart from every other network of this process, also from those that are gone.
    number: u64,
    engine: Arc<Engine>,
    threads: Weak<Threads>,
    handle: Mutex<Weak<Handle>>,
    pub(super) state: Mutex<State>,
    /// Held while flows follow a change of the settings.
    changing: Mutex<()>,
    /// Counts those changes.
    changes: watch::Sender<u64>,
    /// Says when clients get another address, and which.
    pub(super) orders: watch::Sender<Option<Order>>,
    balance: Arc<Balance>,
    spoofs: Spoofs,
    tap: Arc<Tap>,
    secrets: OnceLock<SecretStore>,
    /// Everything that holds a socket holds a receiver.
    closing: watch::Sender<bool>,
}

/// What a network's lock guards.
pub(super) struct State {
    settings: Settings,
    next_flow: u64,
    pub(super) flows: BTreeMap<FlowId, Registered>,
    is_closed: bool,
    pub(super) switches: Switches,
    pub(super) tunnels: Tunnels,
    /// The host that clients have; `None` for whichever the system gives.
    pub(super) host: Option<IpAddr>,
    /// How often clients got another host.
    pub(super) hosts: u64,
}

/// A flow, and what its network knows of it.
pub(super) struct Registered {
    pub(super) flow: Arc<dyn Flow>,
    /// When it began.
    since: Time,
    pub(super) lane: Option<u16>,
    /// The addresses by which the server knows the client, the newest first.
    pub(super) seen_as: VecDeque<SocketAddr>,
}

/// Why a network takes no more connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the network has closed")]
    Closed,
    #[error("the network has as many connections as it may have")]
    Full,
}

impl Core {
    pub(super) fn new(
        engine: &Arc<Engine>,
        threads: &Arc<Threads>,
        profile: NetworkProfile,
        seed: u64,
    ) -> Arc<Self> {
        let weather = Weather { seed, since: engine.clock.now() };
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            engine: Arc::clone(engine),
            threads: Arc::downgrade(threads),
            handle: Mutex::default(),
            state: Mutex::new(State {
                settings: Settings::new(profile, weather),
                next_flow: 0,
                flows: BTreeMap::new(),
                is_closed: false,
                switches: Switches::default(),
                tunnels: Tunnels::default(),
                host: None,
                hosts: 0,
            }),
            changing: Mutex::default(),
            changes: watch::Sender::default(),
            orders: watch::Sender::default(),
            balance: Arc::default(),
            spoofs: Spoofs::default(),
            tap: Arc::default(),
            secrets: OnceLock::new(),
            closing: watch::Sender::new(false),
        })
    }

    pub(crate) const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(super) fn threads(&self) -> Option<Arc<Threads>> {
        self.threads.upgrade()
    }

    pub(super) const fn handle(&self) -> &Mutex<Weak<Handle>> {
        &self.handle
    }

    pub(crate) fn tap(&self) -> Arc<Tap> {
        Arc::clone(&self.tap)
    }

    /// What opens the packets of QUIC connections, if somebody knows.
    pub(crate) fn secrets(&self) -> Option<SecretStore> {
        self.secrets.get().cloned()
    }

    pub(super) fn open_quic(&self, secrets: SecretStore) {
        self.secrets.get_or_init(|| secrets);
    }

    /// Which backend packets go to.
    pub(crate) const fn balance(&self) -> &Arc<Balance> {
        &self.balance
    }

    /// Who copies the clients' packets.
    pub(crate) const fn spoofs(&self) -> &Spoofs {
        &self.spoofs
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// A flow by its number.
    pub(super) fn flow(&self, id: FlowId) -> Option<Arc<dyn Flow>> {
        self.state.lock().flows.get(&id).map(|registered| Arc::clone(&registered.flow))
    }

    /// Turns true when the network closes; whatever holds a socket holds one of these until it lets go of it.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Waits until nothing holds a socket.
    pub(super) async fn sockets_released(&self) {
        self.closing.closed().await;
    }

    /// Lets a new connection in; where there is no room for UDP, the flow that was silent for the longest goes.
    pub(crate) fn add<F: Flow + 'static>(
        &self,
        transport: Transport,
        make: impl FnOnce(FlowId, &Settings) -> Arc<F>,
    ) -> Result<Arc<F>, Refusal> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(Refusal::Closed);
        }
        let limit = match transport {
            Transport::WebSocket => MAX_TCP_FLOWS,
            Transport::WebTransport => MAX_UDP_FLOWS,
        };
        let alike = state.flows.values().filter(|registered| registered.flow.transport() == transport);
        let mut silent = None;
        if alike.count() >= limit {
            let silent_since = self.engine.clock.now() - EVICTABLE_AFTER;
            silent = Some(state.take_silent(transport, silent_since).ok_or(Refusal::Full)?);
        }
        let id = FlowId(state.next_flow);
        state.next_flow += 1;
        let flow = make(id, &state.settings);
        let registered = Registered {
            flow: Arc::clone(&flow) as Arc<dyn Flow>,
            since: self.engine.clock.now(),
            lane: None,
            seen_as: VecDeque::new(),
        };
        state.flows.insert(id, registered);
        drop(state);
        if let Some(silent) = silent {
            silent.flow.end();
        }
        Ok(flow)
    }

    /// The server knows the client of flow `id` by `address` from now on.
    pub(crate) fn note_address(&self, id: FlowId, address: SocketAddr) {
        if let Some(registered) = self.state.lock().flows.get_mut(&id) {
            registered.seen_as.truncate(MAX_RELAY_SIDES - 1);
            registered.seen_as.push_front(address);
        }
    }

    /// The host that new flows' clients have; `None` for whichever the system gives.
    pub(crate) fn host(&self) -> Option<IpAddr> {
        self.state.lock().host
    }

    /// The host of change `number` cannot be had, so that the port alone changes.
    pub(crate) fn note_problem(&self, number: u64, problem: String) {
        let mut state = self.state.lock();
        state.host = None;
        state.switches.note_problem(number, problem);
    }

    /// Flow `id` writes down in `change` what it does about change `number`.
    pub(crate) fn follow(&self, number: u64, id: FlowId, change: SeenChange) {
        let mut state = self.state.lock();
        let lane = state.flows.get(&id).and_then(|registered| registered.lane);
        state.switches.follow(number, id, lane, change);
    }

    pub(super) fn udp_flow_from(&self, relay_side: SocketAddr) -> Option<FlowId> {
        let wanted = (relay_side.ip().to_canonical(), relay_side.port());
        let state = self.state.lock();
        // Addresses come again when all were used: the newest flow that has one has it.
        let found = state.flows.iter().rev().find(|(_, registered)| {
            registered.flow.transport() == Transport::WebTransport
                && registered
                    .seen_as
                    .iter()
                    .any(|address| (address.ip().to_canonical(), address.port()) == wanted)
        });
        found.map(|(id, _)| *id)
    }

    pub(super) fn name_lane(&self, id: FlowId, lane: u16) {
        let mut state = self.state.lock();
        let State { flows, switches, tunnels, .. } = &mut *state;
        if let Some(registered) = flows.get_mut(&id) {
            registered.lane = Some(lane);
            let begun = registered.flow.begun();
            let transport = registered.flow.transport();
            switches.name_lane(id, lane, transport, registered.seen_as.front().copied(), begun.as_ref());
            let now = self.engine.clock.now();
            let times = (registered.since, now);
            tunnels.name_lane((id, lane), times, |crossing| registered.flow.follow_tunnel(crossing));
        }
    }

    /// Forgets a flow that is over.
    pub(crate) fn remove(&self, id: FlowId) {
        let removed = self.state.lock().flows.remove(&id);
        // A flow may be the last that holds something, so it goes without the lock.
        drop(removed);
    }

    pub(crate) fn end_flow(&self, id: FlowId) {
        let removed = self.state.lock().flows.remove(&id);
        if let Some(removed) = removed {
            removed.flow.end();
        }
    }

    pub(super) fn settings(&self) -> Settings {
        self.state.lock().settings.clone()
    }

    /// Changes the settings, and every flow by `apply`: one change after the other, so that all flows come to the same
    /// settings. A flow that is driven by it may end and want to be removed, so the network's lock is free meanwhile.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&mut Settings, Time),
        apply: impl Fn(&dyn Flow, &Settings),
    ) {
        let _one_at_a_time = self.changing.lock();
        let (settings, flows): (Settings, Vec<_>) = {
            let mut state = self.state.lock();
            change(&mut state.settings, self.engine.clock.now());
            let flows = state.flows.values().map(|registered| Arc::clone(&registered.flow));
            (state.settings.clone(), flows.collect())
        };
        for flow in flows {
            apply(&*flow, &settings);
        }
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Goes on each time that the settings have changed.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Goes on each time that clients have another address.
    pub(crate) fn orders(&self) -> watch::Receiver<Option<Order>> {
        self.orders.subscribe()
    }

    pub(super) fn report(&self) -> LabReport {
        let (settings, flows): (Settings, Vec<_>) = {
            let state = self.state.lock();
            let flows = state.flows.iter();
            let flows = flows.map(|(id, registered)| (*id, Arc::clone(&registered.flow), registered.lane));
            (state.settings.clone(), flows.collect())
        };
        let flow_reports = flows.iter().map(|(id, flow, lane)| flow_report(*id, *lane, &**flow)).collect();
        // After the flows, which have written down meanwhile what their servers count.
        let (switches, tunnels) = {
            let state = self.state.lock();
            (state.switches.report(), state.tunnels.report())
        };
        let lane_of = |id| flows.iter().find(|(open, ..)| *open == id).map(|(.., lane)| *lane);
        let spoofs = self.spoofs.report(lane_of);
        let balancer = self.balancer_report();
        let at = self.engine.clock.now();
        LabReport {
            at,
            is_out: settings.is_out(at),
            is_udp_blocked: settings.is_udp_blocked,
            relay_load: self.engine.load.load(),
            flows: flow_reports,
            switches,
            spoofs,
            tunnels,
            balancer,
            is_migration_off: self.balance.is_migration_off(),
        }
    }

    fn balancer_report(&self) -> Option<BalancerReport> {
        let mut report = self.balance.report()?;
        let state = self.state.lock();
        for client in &mut report.clients {
            let found = state.flows.iter().rev().find(|(_, registered)| {
                registered.seen_as.front().is_some_and(|address| address.to_string() == client.address)
            });
            if let Some((id, registered)) = found {
                (client.flow, client.lane) = (Some(id.0), registered.lane);
            }
        }
        Some(report)
    }

    pub(super) fn close(&self) {
        let flows = {
            let mut state = self.state.lock();
            state.is_closed = true;
            std::mem::take(&mut state.flows)
        };
        // Before the tasks that carry them let go of their sockets, which the flows would take for clients that go.
        for registered in flows.values() {
            registered.flow.end();
        }
        self.closing.send_replace(true);
        self.tap.close();
    }
}

fn flow_report(id: FlowId, lane: Option<u16>, flow: &dyn Flow) -> FlowReport {
    let Reading { up, down, tcp, lateness, quic } = flow.reading();
    let (transport, congestion) = (flow.transport(), flow.congestion());
    FlowReport { flow: id.0, lane, transport, congestion, up, down, tcp, lateness, quic }
}

impl State {
    /// Takes out the flow of `transport` that has been silent for the longest, if that is since before `before`.
    fn take_silent(&mut self, transport: Transport, before: Time) -> Option<Registered> {
        let silent = self.flows.iter().filter(|(_, registered)| registered.flow.transport() == transport);
        let (since, id) =
            silent.filter_map(|(id, registered)| Some((registered.flow.idle_since()?, *id))).min()?;
        if since < before { self.flows.remove(&id) } else { None }
    }
}
