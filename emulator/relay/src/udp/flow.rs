//! The datagrams of one client address, on two links.

use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sluice_link::{DropReason, Fate};
use sluice_shared::lab::Congestion;
use sluice_shared::link::{ByteCount, Direction};
use sluice_shared::time::Time;
use tokio::task::AbortHandle;

use super::former::FormerWays;
use super::path::{OldReaders, PathWatch};
use super::port::{Datagram, Destination, Port, Refused};
use super::state::FlowState;
use super::way::{HEADER_BYTES, Packet, Way};
use crate::agenda::Timer;
use crate::attribution::Passage;
use crate::engine::Engine;
use crate::network::{Balance, Core, FlowId, SeenChange, Settings, Upstreams, named_backend};
use crate::quic::QuicLateness;
use crate::tap::{Content, Ports, Tap};

/// Where a flow's datagrams come from and go to.
pub(super) struct Sockets {
    /// Where clients send to.
    pub(super) front: Arc<Port>,
    pub(super) client: Destination,
    pub(super) upstreams: Arc<Upstreams>,
    /// Whether the server is the one that does not let its connections migrate.
    pub(super) is_still: bool,
    /// The port that the client sends to.
    pub(super) front_port: u16,
}

/// A UDP flow of a network.
pub(crate) struct UdpFlow {
    id: FlowId,
    pub(super) congestion: Congestion,
    pub(super) sockets: Sockets,
    pub(super) engine: Arc<Engine>,
    tap: Arc<Tap>,
    balance: Arc<Balance>,
    me: Weak<Self>,
    pub(super) state: Mutex<FlowState>,
}

impl UdpFlow {
    /// A flow without a datagram yet.
    pub(super) fn new(
        core: &Core,
        id: FlowId,
        settings: &Settings,
        congestion: Congestion,
        sockets: Sockets,
        (back, relay_side): (Arc<Port>, SocketAddr),
    ) -> Arc<Self> {
        let (engine, tap, secrets) = (core.engine(), core.tap(), core.secrets());
        let now = engine.clock.now();
        let (mut up, mut down) = settings.links(now);
        up.block(settings.is_udp_blocked);
        down.block(settings.is_udp_blocked);
        Arc::new_cyclic(|me| Self {
            id,
            congestion,
            sockets,
            tap,
            balance: Arc::clone(core.balance()),
            me: Weak::clone(me),
            state: Mutex::new(FlowState {
                up: Way::new(up),
                down: Way::new(down),
                timer: Timer::new(engine.next_key()),
                last_came_at: now,
                driven_at: now,
                lateness: secrets.map(|secrets| Box::new(QuicLateness::new(secrets))),
                back,
                relay_side,
                watch: PathWatch::default(),
                probe: None,
                home: None,
                former: FormerWays::default(),
                late: Vec::new(),
                scratch: Vec::new(),
                reader: None,
                old_readers: OldReaders::default(),
                attack: None,
                attacks: 0,
                has_ended: false,
            }),
            engine: Arc::clone(engine),
        })
    }

    pub(super) const fn id(&self) -> FlowId {
        self.id
    }

    /// The task that reads the server's answers, to be ended with the flow.
    pub(super) fn set_reader(&self, reader: AbortHandle) {
        let mut state = self.state.lock();
        if state.has_ended {
            reader.abort();
        }
        state.reader = Some(reader);
    }

    /// The server knows the client by another address from now on, and sends to another socket; whoever reads the
    /// earlier one goes on for a while. Tells which path it is, and where is written down what comes of it.
    pub(super) fn change_path(&self, back: Arc<Port>, relay_side: SocketAddr) -> (u32, SeenChange) {
        // What has arrived went by the old path.
        self.drive(|_, _| ());
        self.drive(|state, now| {
            // The attacker has copied packets of a client that is elsewhere now.
            state.end_attack(now);
            state.recount();
            let (before, counted) = (state.path_state(), state.counted());
            let change = state.watch.begin(self.id, (state.relay_side, relay_side), before, counted);
            let back = mem::replace(&mut state.back, back);
            let relay_side = mem::replace(&mut state.relay_side, relay_side);
            state.former.push(state.watch.path() - 1, now, (back, relay_side));
            if let Some(earlier) = state.reader.take() {
                state.old_readers.push(now, earlier);
            }
            (state.watch.path(), change)
        })
    }

    /// Lets go of sockets that the flow has left before `before`.
    pub(super) fn release_old(&self, before: Time) {
        let mut state = self.state.lock();
        state.old_readers.release(before);
        state.former.release(before);
    }

    /// Takes what the server at `from` has sent to the socket of the flow's path number `path`.
    pub(super) fn hand_in_answer(
        &self,
        path: u32,
        from: SocketAddr,
        came_at: Option<Time>,
        mut datagrams: Vec<Datagram>,
    ) {
        let Sockets { upstreams, is_still, .. } = &self.sockets;
        // The socket of a flow with one server alone hears nobody else.
        let is_expected = upstreams.only().is_some() || (*is_still && upstreams.still() == Some(from));
        if !is_expected {
            let Some(backend) = upstreams.number_of(from) else { return };
            let home = self.state.lock().home;
            datagrams.retain(|datagram| self.balance.passes(backend, home, &datagram.payload));
        }
        let is_stray = {
            let mut state = self.state.lock();
            let is_stray = path != state.watch.path();
            if is_stray {
                let now = self.engine.clock.now();
                datagrams.iter().for_each(|datagram| state.lose(datagram, now));
            }
            is_stray
        };
        if !is_stray {
            self.hand_in(Direction::Down, came_at, datagrams);
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.lock().has_ended
    }

    /// Hands datagrams to the link of `direction` that came at `came_at`, or now.
    pub(super) fn hand_in(&self, direction: Direction, came_at: Option<Time>, datagrams: Vec<Datagram>) {
        self.drive(|state, now| {
            state.last_came_at = now;
            let now = came_at.unwrap_or(now).clamp(state.driven_at, now);
            let ports = self.ports();
            for datagram in datagrams {
                let size = ByteCount::new(datagram.payload.len() as u64 + HEADER_BYTES);
                let content = Content::Udp(datagram.payload.clone());
                let mark = self.tap.on_sent(direction, ports, content, now);
                if direction == Direction::Up {
                    state.home = named_backend(&datagram.payload).or(state.home);
                }
                let (load, sight, spoof_sight) = state.look(direction, &datagram, now);
                let packet = Packet { datagram, mark, sight, spoof_sight };
                let id = state.way(direction).link.handle_packet(packet, size, now);
                if let Some(lateness) = &mut state.lateness {
                    lateness.follow(id, load);
                }
            }
        });
    }

    pub(super) fn drive<R>(&self, act: impl FnOnce(&mut FlowState, Time) -> R) -> R {
        let mut state = self.state.lock();
        let now = self.engine.clock.now();
        let result = act(&mut state, now);
        state.driven_at = now;
        if state.has_ended {
            state.timer.cancel(&self.engine.agenda);
            return result;
        }
        let state = &mut *state;
        self.collect(state, Direction::Up, now);
        self.collect(state, Direction::Down, now);
        self.lead_late(state);
        self.lead_up(state, now);
        state.down.flush(&self.sockets.front, self.sockets.client, &mut state.scratch);
        let timeouts = [state.up.link.poll_timeout(), state.down.link.poll_timeout()];
        let lenience = self.engine.pace.lenience(state.last_came_at, now);
        let wanted = timeouts.into_iter().flatten().map(|(at, _)| at + lenience).min();
        state.timer.set(wanted, &self.engine.agenda, &self.me);
        result
    }

    fn collect(&self, state: &mut FlowState, direction: Direction, now: Time) {
        let FlowState { up, down, lateness, watch, attack, late, .. } = state;
        let (way, mut lateness) = match direction {
            Direction::Up => (up, None),
            Direction::Down => (down, lateness.as_deref_mut()),
        };
        while let Some(fate) = way.link.poll_fate(now) {
            match fate {
                Fate::Delivered(delivered) => {
                    let passage = Passage::of(&delivered);
                    let path = delivered.packet.sight.path();
                    let is_late = path != watch.path();
                    if is_late && direction == Direction::Down {
                        // Its client has left the address that it was sent to.
                        if let Some(lateness) = &mut lateness {
                            lateness.on_dropped(delivered.id);
                        }
                        watch.on_missed(passage);
                        self.tap.on_dropped(delivered.packet.mark, DropReason::Outage);
                        way.refused.add(Refused::from(&delivered.packet.datagram));
                        continue;
                    }
                    if let Some(lateness) = &mut lateness {
                        lateness.on_delivered(delivered.id, passage);
                    }
                    watch.on_delivered(direction, delivered.packet.sight, passage);
                    if let Some(attack) = attack {
                        attack.on_delivered(delivered.packet.spoof_sight, passage);
                    }
                    let Packet { datagram, mark, .. } = delivered.packet;
                    let content = Content::Udp(datagram.payload.clone());
                    self.tap.on_delivered(mark, direction, self.ports(), content, delivered.delivered_at);
                    if is_late {
                        late.push((path, datagram));
                    } else {
                        way.due.push(datagram);
                    }
                }
                Fate::Dropped(dropped) => {
                    if let Some(lateness) = &mut lateness {
                        lateness.on_dropped(dropped.id);
                    }
                    self.tap.on_dropped(dropped.packet.mark, dropped.reason);
                }
            }
        }
    }

    /// Sends what the client had sent before it changed networks, from where it was then.
    fn lead_late(&self, state: &mut FlowState) {
        let FlowState { up: way, former, late, scratch, .. } = state;
        for (path, datagram) in late.drain(..) {
            let Some((back, relay_side)) = former.find(path) else {
                way.refused.add(Refused::from(&datagram));
                continue;
            };
            if let Some(address) = self.server_of(relay_side, &datagram) {
                way.refused.add(back.send([&datagram], Destination { address, from: None }, scratch));
            }
        }
    }

    /// The server that a datagram of the client at `relay_side` is for; `None` when it goes nowhere.
    fn server_of(&self, relay_side: SocketAddr, datagram: &Datagram) -> Option<SocketAddr> {
        let Sockets { upstreams, is_still, .. } = &self.sockets;
        match is_still {
            true => upstreams.still(),
            false => upstreams.backend(self.balance.route(relay_side, &datagram.payload)?),
        }
    }

    /// Sends what has arrived at the servers' end to the servers that it is for.
    fn lead_up(&self, state: &mut FlowState, now: Time) {
        let FlowState { up: way, back, relay_side, scratch, attack, .. } = state;
        let servers: Vec<Option<SocketAddr>> =
            way.due.iter().map(|datagram| self.server_of(*relay_side, datagram)).collect();
        if let Some(attack) = attack.as_mut().filter(|attack| attack.is_armed()) {
            // One by one, so that each copy is just before its original.
            for (datagram, server) in way.due.iter().zip(servers) {
                let to = server.map(|address| Destination { address, from: None });
                if let Some(to) = to.filter(|to| attack.intercept(datagram, *to, scratch, now)) {
                    way.refused.add(back.send([datagram], to, scratch));
                }
            }
            return way.due.clear();
        }
        let mut rest = way.due.as_slice();
        for run in servers.chunk_by(|one, next| one == next) {
            let (datagrams, behind) = rest.split_at(run.len());
            rest = behind;
            if let Some(address) = run.first().copied().flatten() {
                way.refused.add(back.send(datagrams, Destination { address, from: None }, scratch));
            }
        }
        way.due.clear();
    }

    const fn ports(&self) -> Ports {
        Ports { client: self.sockets.client.address.port(), server: self.sockets.front_port }
    }
}

/// The own address to answer from: only a socket of every address has a choice.
pub(super) fn answering_address(front: SocketAddr, reached_at: Option<IpAddr>) -> Option<IpAddr> {
    reached_at.filter(|_| front.ip().is_unspecified())
}
