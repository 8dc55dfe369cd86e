//! Whose datagram belongs to which flow, and when flows end.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sluice_shared::lab::Congestion;
use sluice_shared::link::Direction;
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use super::flow::{Sockets, UdpFlow, answering_address};
use super::port::{Arrived, Destination, Port};
use crate::network::{Core, Flow as _, Order, SpoofOrder, Upstreams, no_host};

/// A flow that was silent for this long is over: twice QUIC's usual idle timeout.
const IDLE: Duration = Duration::from_secs(60);
/// For how long what the server sends to an address is counted that its client does not have any more.
const OLD: Duration = Duration::from_secs(5);
/// For how long after its last copy an attacker's address is watched: servers give up validating a path sooner.
const ATTACK: Duration = Duration::from_secs(30);
/// How often silent flows are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Batches that are taken from a socket before others have their turn.
const BATCHES: usize = 8;
/// How long a socket is left alone after an error that nothing explains.
const PAUSE: Duration = Duration::from_millis(1);

/// Carries datagrams between the clients of `socket` and the servers at `upstreams`.
pub(crate) fn relay(
    core: &Arc<Core>,
    socket: std::net::UdpSocket,
    upstreams: Upstreams,
    congestion: Congestion,
) -> io::Result<()> {
    let runtime = core.engine().runtime.clone();
    let front = {
        let _context = runtime.enter();
        Arc::new(Port::new(socket)?)
    };
    let address = front.local_addr()?;
    let clients = Clients {
        core: Arc::clone(core),
        front,
        address,
        upstreams: Arc::new(upstreams),
        congestion,
        flows: HashMap::new(),
        orders: core.orders(),
        spoofs: core.spoofs().orders(),
        closing: core.closing(),
    };
    runtime.spawn(clients.run());
    Ok(())
}

/// The clients of one socket.
struct Clients {
    core: Arc<Core>,
    front: Arc<Port>,
    address: SocketAddr,
    upstreams: Arc<Upstreams>,
    congestion: Congestion,
    flows: HashMap<SocketAddr, Arc<UdpFlow>>,
    orders: watch::Receiver<Option<Order>>,
    spoofs: watch::Receiver<Option<SpoofOrder>>,
    /// Dropped last: it says that the sockets are released.
    closing: watch::Receiver<bool>,
}

enum Event {
    Ready(io::Result<()>),
    Sweep,
    Switch,
    Spoof,
}

/// Whom a socket towards the servers hears for.
#[derive(Clone, Copy)]
enum Ear {
    /// The client, by this path of its flow.
    Client(u32),
    /// The attacker, in this attack on the flow.
    Attacker(u32),
}

impl Clients {
    async fn run(mut self) {
        let mut sweeps = tokio::time::interval(SWEEP_EVERY);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                ready = self.front.readable() => Event::Ready(ready),
                _ = sweeps.tick() => Event::Sweep,
                Ok(()) = self.orders.changed() => Event::Switch,
                Ok(()) = self.spoofs.changed() => Event::Spoof,
                _ = self.closing.wait_for(|is_closing| *is_closing) => return,
            };
            match event {
                Event::Ready(Ok(())) => self.receive().await,
                Event::Ready(Err(_)) => return,
                Event::Sweep => self.sweep(),
                Event::Switch => {
                    let order = *self.orders.borrow_and_update();
                    if let Some(order) = order {
                        self.switch(order);
                    }
                }
                Event::Spoof => {
                    let order = *self.spoofs.borrow_and_update();
                    if let Some(order) = order {
                        self.spoof(order);
                    }
                }
            }
        }
    }

    async fn receive(&mut self) {
        for _ in 0..BATCHES {
            let received = self.front.receive(&mut self.core.engine().receive_buffers.lock());
            match received {
                Ok(runs) => {
                    let came_at = self.core.engine().pace.on_received(count(&runs));
                    runs.into_iter().for_each(|run| self.hand_in(came_at, run));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return pause_after(&error).await,
            }
        }
    }

    fn hand_in(&mut self, came_at: Option<Time>, run: Arrived) {
        let known = self.flows.get(&run.from).filter(|flow| !flow.has_ended());
        let flow = match known {
            Some(flow) => Arc::clone(flow),
            None => match self.begin(&run) {
                Ok(flow) => flow,
                Err(error) => {
                    tracing::warn!(client = %run.from, %error, "a client's datagrams were dropped");
                    return;
                }
            },
        };
        flow.hand_in(Direction::Up, came_at, run.datagrams);
    }

    fn begin(&mut self, run: &Arrived) -> io::Result<Arc<UdpFlow>> {
        self.flows.retain(|_, flow| !flow.has_ended());
        let (back, relay_side) = self.open_back(self.core.host()).or_else(|_| self.open_back(None))?;
        let is_still = self.upstreams.still().is_some() && self.core.balance().is_migration_off();
        let sockets = Sockets {
            front: Arc::clone(&self.front),
            client: Destination { address: run.from, from: answering_address(self.address, run.to) },
            upstreams: Arc::clone(&self.upstreams),
            is_still,
            front_port: self.address.port(),
        };
        let flow = self
            .core
            .add(Transport::WebTransport, |id, settings| {
                let back = (Arc::clone(&back), relay_side);
                UdpFlow::new(&self.core, id, settings, self.congestion, sockets, back)
            })
            .map_err(io::Error::other)?;
        self.attach(&flow, back, relay_side, 0);
        self.flows.insert(run.from, Arc::clone(&flow));
        Ok(flow)
    }

    /// A socket of its own towards the servers, and the address by which they know it: at `host`, or whichever the
    /// system gives.
    fn open_back(&self, host: Option<IpAddr>) -> io::Result<(Arc<Port>, SocketAddr)> {
        let _context = self.core.engine().runtime.enter();
        let back = Port::new(socket_towards(&self.upstreams, host)?)?;
        let relay_side = back.local_addr()?;
        Ok((Arc::new(back), relay_side))
    }

    /// Receives by `back`, the socket of the flow's path number `path`.
    fn attach(&self, flow: &Arc<UdpFlow>, back: Arc<Port>, relay_side: SocketAddr, path: u32) {
        self.core.note_address(flow.id(), relay_side);
        flow.set_reader(self.listen(flow, back, Ear::Client(path)));
    }

    fn listen(&self, flow: &Arc<UdpFlow>, port: Arc<Port>, ear: Ear) -> AbortHandle {
        let task = answer(self.core.closing(), Arc::clone(&self.core), Arc::clone(flow), port, ear);
        self.core.engine().runtime.spawn(task).abort_handle()
    }

    /// Every flow that is there, in the order in which they came.
    fn open_flows(&self) -> Vec<&Arc<UdpFlow>> {
        let mut flows: Vec<_> = self.flows.values().filter(|flow| !flow.has_ended()).collect();
        flows.sort_by_key(|flow| flow.id());
        flows
    }

    /// Gives every client somebody who copies its packets.
    fn spoof(&self, order: SpoofOrder) {
        for flow in self.open_flows() {
            let opened = self.open_back(order.host).or_else(|error| {
                if order.host.is_some() {
                    self.core.spoofs().note_problem(order.number, &error);
                }
                self.open_back(None)
            });
            match opened {
                Ok((port, address)) => {
                    let (attack, seen) = flow.begin_attack(Arc::clone(&port), address, order.spoof);
                    flow.set_attack_reader(attack, self.listen(flow, port, Ear::Attacker(attack)));
                    self.core.spoofs().follow(order.number, seen);
                }
                Err(error) => tracing::warn!(%error, "nobody copies a client's packets"),
            }
        }
    }

    /// Gives every client another address.
    fn switch(&mut self, order: Order) {
        for flow in self.open_flows() {
            let opened = self.open_back(order.host).or_else(|error| {
                if order.host.is_some() {
                    self.core.note_problem(order.number, no_host(&error));
                }
                self.open_back(None)
            });
            match opened {
                Ok((back, relay_side)) => {
                    let (path, change) = flow.change_path(Arc::clone(&back), relay_side);
                    self.attach(flow, back, relay_side, path);
                    self.core.follow(order.number, flow.id(), change);
                }
                Err(error) => tracing::warn!(%error, "a client keeps its address"),
            }
        }
    }

    fn sweep(&mut self) {
        let now = self.core.engine().clock.now();
        let silent_since = now - IDLE;
        self.flows.retain(|_, flow| {
            flow.release_old(now - OLD);
            flow.end_old_attack(now - ATTACK);
            if flow.idle_since().is_some_and(|since| since < silent_since) {
                self.core.end_flow(flow.id());
            }
            !flow.has_ended()
        });
    }
}

/// Hands in what the servers of a flow send to one of its sockets, until the flow or the network ends.
/// The first argument is dropped last.
async fn answer(
    mut closing: watch::Receiver<bool>,
    core: Arc<Core>,
    flow: Arc<UdpFlow>,
    back: Arc<Port>,
    ear: Ear,
) {
    loop {
        tokio::select! {
            ready = back.readable() => if ready.is_err() { return },
            _ = closing.wait_for(|is_closing| *is_closing) => return,
        }
        for _ in 0..BATCHES {
            let received = back.receive(&mut core.engine().receive_buffers.lock());
            match received {
                Ok(runs) => {
                    let came_at = core.engine().pace.on_received(count(&runs));
                    for run in runs {
                        match ear {
                            Ear::Client(path) => flow.hand_in_answer(path, run.from, came_at, run.datagrams),
                            Ear::Attacker(attack) => {
                                flow.hand_in_reflected(attack, run.from, &run.datagrams);
                            }
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    pause_after(&error).await;
                    break;
                }
            }
        }
    }
}

fn count(runs: &[Arrived]) -> usize {
    runs.iter().map(|run| run.datagrams.len()).sum()
}

/// A socket at `host` that talks to the only one of `upstreams`; one that hears everybody, if there are several.
fn socket_towards(upstreams: &Upstreams, host: Option<IpAddr>) -> io::Result<std::net::UdpSocket> {
    let any = match (upstreams.first(), upstreams.only()) {
        (Some(SocketAddr::V4(_)), Some(_)) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        (Some(SocketAddr::V6(_)), Some(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        // Several are on this machine, and a socket that is not connected has to know which address it has.
        (Some(SocketAddr::V4(_)), None) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        (Some(SocketAddr::V6(_)), None) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        (None, _) => return Err(io::Error::new(io::ErrorKind::NotFound, "there is no server")),
    };
    let socket = std::net::UdpSocket::bind((host.unwrap_or(any), 0))?;
    if let Some(only) = upstreams.only() {
        socket.connect(only)?;
    }
    Ok(socket)
}

/// A host that refuses datagrams says so at the next call; the pause keeps an error that stays from taking a core.
async fn pause_after(error: &io::Error) {
    if error.kind() != io::ErrorKind::ConnectionRefused {
        tracing::debug!(%error, "receiving datagrams failed");
    }
    tokio::time::sleep(PAUSE).await;
}
