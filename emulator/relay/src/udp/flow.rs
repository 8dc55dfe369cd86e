//! The datagrams of one client address, on two links.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sluice_link::{Fate, Link, Weather};
use sluice_shared::lab::{Congestion, LinkReport, PathState};
use sluice_shared::link::{ByteCount, Direction, NetworkProfile};
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;
use tokio::task::AbortHandle;

use super::path::{OldReaders, PathWatch, Sight};
use super::port::{Datagram, Destination, Port, Refused};
use crate::agenda::{Timed, Timer};
use crate::attribution::Passage;
use crate::engine::Engine;
use crate::network::{
    Balance, Core, Flow, FlowId, PathStateProbe, Reading, SeenChange, Settings, Upstreams, link_report,
    named_backend,
};
use crate::quic::{Glimpse, Load, QuicLateness, ServerWrite};
use crate::tap::{Content, Mark, Ports, Tap};

/// What IPv4 and UDP add to a datagram on the wire, bytes.
const HEADER_BYTES: u64 = 28;

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
    congestion: Congestion,
    pub(super) sockets: Sockets,
    engine: Arc<Engine>,
    tap: Arc<Tap>,
    balance: Arc<Balance>,
    me: Weak<Self>,
    state: Mutex<FlowState>,
}

struct FlowState {
    up: Way,
    down: Way,
    timer: Timer,
    last_came_at: Time,
    /// What the links were brought to.
    driven_at: Time,
    /// Where the time of the server's writes goes, if its packets can be opened.
    lateness: Option<Box<QuicLateness>>,
    /// Where the server's answers come to.
    back: Arc<Port>,
    /// By which the server knows the client.
    relay_side: SocketAddr,
    watch: PathWatch,
    /// Asks what the server knows of the path.
    probe: Option<Weak<PathStateProbe>>,
    /// The backend that the client's last packet named.
    home: Option<u8>,
    /// Where batches are put together.
    scratch: Vec<u8>,
    /// Reads the server's answers.
    reader: Option<AbortHandle>,
    old_readers: OldReaders,
    has_ended: bool,
}

/// One direction.
struct Way {
    link: Link<Packet>,
    /// What is due to leave.
    due: Vec<Datagram>,
    /// What was due and the kernel would not take.
    refused: Refused,
}

#[derive(Clone, Debug)]
struct Packet {
    datagram: Datagram,
    mark: Mark,
    sight: Sight,
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
                scratch: Vec::new(),
                reader: None,
                old_readers: OldReaders::default(),
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
            let before = state.path_state();
            let change = state.watch.begin(self.id, (state.relay_side, relay_side), before);
            state.back = back;
            state.relay_side = relay_side;
            if let Some(earlier) = state.reader.take() {
                state.old_readers.push(now, earlier);
            }
            (state.watch.path(), change)
        })
    }

    /// Lets go of sockets that the flow has left before `before`.
    pub(super) fn release_old(&self, before: Time) {
        self.state.lock().old_readers.release(before);
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
                let (load, sight) = state.look(direction, &datagram, now);
                let packet = Packet { datagram, mark, sight };
                let id = state.way(direction).link.handle_packet(packet, size, now);
                if let Some(lateness) = &mut state.lateness {
                    lateness.follow(id, load);
                }
            }
        });
    }

    fn drive<R>(&self, act: impl FnOnce(&mut FlowState, Time) -> R) -> R {
        let mut state = self.state.lock();
        let now = self.engine.clock.now();
        let result = act(&mut state, now);
        state.driven_at = now;
        if state.has_ended {
            state.timer.cancel(&self.engine.agenda);
            return result;
        }
        let state = &mut *state;
        self.collect(&mut state.up, Direction::Up, None, &mut state.watch, now);
        self.collect(&mut state.down, Direction::Down, state.lateness.as_deref_mut(), &mut state.watch, now);
        self.lead_up(&mut state.up, &state.back, state.relay_side, &mut state.scratch);
        state.down.flush(&self.sockets.front, self.sockets.client, &mut state.scratch);
        let timeouts = [state.up.link.poll_timeout(), state.down.link.poll_timeout()];
        let lenience = self.engine.pace.lenience(state.last_came_at, now);
        let wanted = timeouts.into_iter().flatten().map(|(at, _)| at + lenience).min();
        state.timer.set(wanted, &self.engine.agenda, &self.me);
        result
    }

    fn collect(
        &self,
        way: &mut Way,
        direction: Direction,
        mut lateness: Option<&mut QuicLateness>,
        watch: &mut PathWatch,
        now: Time,
    ) {
        while let Some(fate) = way.link.poll_fate(now) {
            match fate {
                Fate::Delivered(delivered) => {
                    if let Some(lateness) = &mut lateness {
                        lateness.on_delivered(delivered.id, Passage::of(&delivered));
                    }
                    watch.on_delivered(direction, delivered.packet.sight, Passage::of(&delivered));
                    let Packet { datagram, mark, .. } = delivered.packet;
                    let content = Content::Udp(datagram.payload.clone());
                    self.tap.on_delivered(mark, direction, self.ports(), content, delivered.delivered_at);
                    way.due.push(datagram);
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

    /// Sends what has arrived at the servers' end to the servers that it is for.
    fn lead_up(&self, way: &mut Way, back: &Port, relay_side: SocketAddr, scratch: &mut Vec<u8>) {
        let Sockets { upstreams, is_still, .. } = &self.sockets;
        let servers: Vec<Option<SocketAddr>> = way
            .due
            .iter()
            .map(|datagram| match is_still {
                true => upstreams.still(),
                false => upstreams.backend(self.balance.route(relay_side, &datagram.payload)?),
            })
            .collect();
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

impl FlowState {
    /// Looks into a datagram that was sent.
    fn look(&mut self, direction: Direction, datagram: &Datagram, now: Time) -> (Load, Sight) {
        let (load, glimpse) = self.glimpse(direction, datagram, now);
        let Self { watch, probe, .. } = self;
        let sight = watch.on_sent(direction, &glimpse, now, || ask(probe.as_ref()));
        (load, sight)
    }

    /// The server has sent a datagram to where nobody is any more.
    fn lose(&mut self, datagram: &Datagram, now: Time) {
        let (_load, glimpse) = self.glimpse(Direction::Down, datagram, now);
        self.watch.on_stray(&glimpse, now);
    }

    fn glimpse(&mut self, direction: Direction, datagram: &Datagram, now: Time) -> (Load, Glimpse) {
        let lateness = self.lateness.as_mut();
        lateness.map(|lateness| lateness.on_sent(direction, &datagram.payload, now)).unwrap_or_default()
    }

    fn path_state(&self) -> Option<PathState> {
        ask(self.probe.as_ref())
    }

    const fn way(&mut self, direction: Direction) -> &mut Way {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

fn ask(probe: Option<&Weak<PathStateProbe>>) -> Option<PathState> {
    probe?.upgrade().map(|probe| probe())
}

impl Way {
    const fn new(link: Link<Packet>) -> Self {
        Self { link, due: Vec::new(), refused: Refused { datagrams: 0, payload_bytes: 0 } }
    }

    fn flush(&mut self, port: &Port, to: Destination, scratch: &mut Vec<u8>) {
        if !self.due.is_empty() {
            self.refused.add(port.send(&self.due, to, scratch));
            self.due.clear();
        }
    }

    /// What the kernel would not take never arrived, and counts as overload.
    fn report(&mut self, now: Time) -> LinkReport {
        self.link.handle_timeout(now);
        let report = link_report(&self.link);
        let refused_bytes = self.refused.payload_bytes + self.refused.datagrams * HEADER_BYTES;
        LinkReport {
            delivered_packets: report.delivered_packets.saturating_sub(self.refused.datagrams),
            delivered_bytes: report.delivered_bytes.saturating_sub(refused_bytes),
            outage_drops: report.outage_drops + self.refused.datagrams,
            ..report
        }
    }
}

impl Timed for UdpFlow {
    fn on_due(&self, at: Time) {
        self.drive(|state, _| state.timer.on_due(at));
    }
}

impl Flow for UdpFlow {
    fn set_profile(&self, profile: &NetworkProfile, weather: Weather) {
        self.drive(|state, now| {
            state.up.link.set_profile(profile.up.clone(), weather, now);
            state.down.link.set_profile(profile.down.clone(), weather, now);
        });
    }

    fn start_outage(&self, until: Time) {
        self.drive(|state, now| {
            state.up.link.start_outage(until.since(now), now);
            state.down.link.start_outage(until.since(now), now);
        });
    }

    fn block_udp(&self, is_blocked: bool) {
        self.drive(|state, _| {
            state.up.link.block(is_blocked);
            state.down.link.block(is_blocked);
        });
    }

    fn transport(&self) -> Transport {
        Transport::WebTransport
    }

    fn idle_since(&self) -> Option<Time> {
        Some(self.state.lock().last_came_at)
    }

    fn congestion(&self) -> Congestion {
        self.congestion
    }

    fn reading(&self) -> Reading {
        let (up, down, lateness, quic) = self.drive(|state, now| {
            let quic = state.lateness.as_ref().and_then(|lateness| lateness.bytes());
            let lateness = state.lateness.as_mut().and_then(|lateness| lateness.take_lateness());
            (state.up.report(now), state.down.report(now), lateness, quic)
        });
        Reading { up, down, tcp: None, lateness, quic }
    }

    fn on_write(&self, write: ServerWrite) {
        let mut state = self.state.lock();
        let now = self.engine.clock.now();
        if let Some(lateness) = &mut state.lateness {
            lateness.on_write(write, now);
        }
    }

    fn set_path_probe(&self, probe: Weak<PathStateProbe>) {
        self.state.lock().probe = Some(probe);
    }

    fn end(&self) {
        self.drive(|state, _| {
            state.has_ended = true;
            state.old_readers.release_all();
            if let Some(reader) = state.reader.take() {
                reader.abort();
            }
        });
    }
}

/// The own address to answer from: only a socket of every address has a choice.
pub(super) fn answering_address(front: SocketAddr, reached_at: Option<IpAddr>) -> Option<IpAddr> {
    reached_at.filter(|_| front.ip().is_unspecified())
}
