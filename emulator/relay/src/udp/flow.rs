//! The datagrams of one client address, on two links.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sluice_link::{Fate, Link, Weather};
use sluice_shared::lab::{Congestion, LinkReport};
use sluice_shared::link::{ByteCount, Direction, NetworkProfile};
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;
use tokio::task::AbortHandle;

use super::port::{Datagram, Destination, Port, Refused};
use crate::agenda::{Timed, Timer};
use crate::attribution::Passage;
use crate::engine::Engine;
use crate::network::{Core, Flow, FlowId, Reading, Settings, link_report};
use crate::quic::{QuicLateness, ServerWrite};
use crate::tap::{Content, Mark, Ports, Tap};

/// What IPv4 and UDP add to a datagram on the wire, bytes.
const HEADER_BYTES: u64 = 28;

/// Where a flow's datagrams come from and go to.
pub(super) struct Sockets {
    /// Where clients send to.
    pub(super) front: Arc<Port>,
    pub(super) client: Destination,
    pub(super) upstream: SocketAddr,
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
    /// Where batches are put together.
    scratch: Vec<u8>,
    /// Reads the server's answers.
    reader: Option<AbortHandle>,
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
}

impl UdpFlow {
    /// A flow without a datagram yet.
    pub(super) fn new(
        core: &Core,
        id: FlowId,
        settings: &Settings,
        congestion: Congestion,
        sockets: Sockets,
        back: Arc<Port>,
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
            me: Weak::clone(me),
            state: Mutex::new(FlowState {
                up: Way::new(up),
                down: Way::new(down),
                timer: Timer::new(engine.next_key()),
                last_came_at: now,
                driven_at: now,
                lateness: secrets.map(|secrets| Box::new(QuicLateness::new(secrets))),
                back,
                scratch: Vec::new(),
                reader: None,
                has_ended: false,
            }),
            engine: Arc::clone(engine),
        })
    }

    pub(super) const fn id(&self) -> FlowId {
        self.id
    }

    /// The socket that the server's answers come to from now on, and the task that reads it, to be ended with the flow.
    pub(super) fn set_back(&self, back: Arc<Port>, reader: AbortHandle) {
        let mut state = self.state.lock();
        if state.has_ended {
            reader.abort();
        }
        state.back = back;
        if let Some(earlier) = state.reader.replace(reader) {
            earlier.abort();
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
                let payload = datagram.payload.clone();
                let id = state.way(direction).link.handle_packet(Packet { datagram, mark }, size, now);
                if let Some(lateness) = &mut state.lateness {
                    lateness.on_sent(direction, id, &payload, now);
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
        self.collect(&mut state.up, Direction::Up, None, now);
        self.collect(&mut state.down, Direction::Down, state.lateness.as_deref_mut(), now);
        let upstream = Destination { address: self.sockets.upstream, from: None };
        state.up.flush(&state.back, upstream, &mut state.scratch);
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
        now: Time,
    ) {
        while let Some(fate) = way.link.poll_fate(now) {
            match fate {
                Fate::Delivered(delivered) => {
                    if let Some(lateness) = &mut lateness {
                        lateness.on_delivered(delivered.id, Passage::of(&delivered));
                    }
                    let Packet { datagram, mark } = delivered.packet;
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

    const fn ports(&self) -> Ports {
        Ports { client: self.sockets.client.address.port(), server: self.sockets.front_port }
    }
}

impl FlowState {
    const fn way(&mut self, direction: Direction) -> &mut Way {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
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

    fn end(&self) {
        self.drive(|state, _| {
            state.has_ended = true;
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
