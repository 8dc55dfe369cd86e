//! Simulated network between one lane and its server: one path per transport, handshakes and faults.
//! Driven by `World`, which advances the time and hands queued events to the lane.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::time::Time;

use super::server::{Output, ServerProcess};
use crate::connection::ConnectionId;

/// State of the path of one transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathState {
    Up,
    /// All packets are lost; reliable data is retransmitted when the path recovers.
    Blackhole,
    /// New connections are refused; open ones continue.
    Refusing,
}

/// Event that reaches the lane.
#[derive(Debug)]
pub(super) enum LaneEvent {
    Probed(bool),
    Opened,
    /// A WebSocket message.
    Frame(Bytes),
    /// Bytes of WebTransport's control stream or data stream.
    Stream {
        is_control: bool,
        bytes: Bytes,
    },
    Closed {
        code: Option<u32>,
        reason: String,
    },
}

#[derive(Debug)]
enum NetworkEvent {
    Produce,
    Handshake {
        id: ConnectionId,
        tries: u32,
    },
    Probe {
        id: ConnectionId,
        tries: u32,
    },
    ToServer {
        id: ConnectionId,
        bytes: Bytes,
    },
    ToClient {
        id: ConnectionId,
        event: LaneEvent,
    },
    CloseAtServer {
        id: ConnectionId,
    },
    IdleCheck {
        id: ConnectionId,
    },
    /// Delivery of data that was held back.
    Release {
        id: ConnectionId,
    },
}

/// State of a connection at the lane's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireState {
    Opening,
    Open,
    /// Closed by the lane.
    Closed,
    /// Lost, and the lane has been notified.
    Lost,
}

/// Connection with its state at both ends.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) state: WireState,
    pub(super) has_sent: bool,
    transport: Transport,
    began: Time,
    heard_at: Time,
    held_up: VecDeque<Bytes>,
    held_down: VecDeque<LaneEvent>,
}

/// Network and server, with the browser's event queue and timer.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) now: Time,
    pub(super) tcp: PathState,
    pub(super) udp: PathState,
    /// True if the server process is frozen, although its kernel accepts connections.
    pub(super) is_server_frozen: bool,
    pub(super) produces: bool,
    pub(super) server: ServerProcess,
    pub(super) wires: BTreeMap<ConnectionId, Wire>,
    /// Events that the browser has received and the lane has not.
    pub(super) inbox: VecDeque<(ConnectionId, LaneEvent)>,
    /// Time at which the browser's timer fires.
    pub(super) timer: Option<Time>,
    pub(super) wants_macrotask: bool,
    events: BTreeMap<(Time, u64), NetworkEvent>,
    scheduled: u64,
    /// Failed WebTransport handshakes: browsers delay a page that keeps failing.
    failed_handshakes: u32,
}

impl Network {
    const LATENCY: Duration = Duration::from_millis(20);
    const PRODUCE_EVERY: Duration = Duration::from_millis(100);
    /// Browser's timeout of a QUIC handshake.
    const QUIC_HANDSHAKE: Duration = Duration::from_secs(10);
    /// Browser's timeout of a TCP handshake.
    const TCP_HANDSHAKE: Duration = Duration::from_secs(120);
    const PROBE: Duration = Duration::from_secs(5);
    /// QUIC's idle timeout.
    const IDLE: Duration = Duration::from_secs(12);
    /// Longest time for which a browser delays a handshake.
    pub(super) const LONGEST_HOLD_BACK: Duration = Duration::from_secs(60);

    pub(super) fn new(now: Time) -> Self {
        let mut network = Self {
            now,
            tcp: PathState::Up,
            udp: PathState::Up,
            is_server_frozen: false,
            produces: true,
            server: ServerProcess::new(),
            wires: BTreeMap::new(),
            inbox: VecDeque::new(),
            timer: None,
            wants_macrotask: false,
            events: BTreeMap::new(),
            scheduled: 0,
            failed_handshakes: 0,
        };
        network.schedule(Self::PRODUCE_EVERY, NetworkEvent::Produce);
        network
    }

    fn schedule(&mut self, after: Duration, event: NetworkEvent) {
        self.scheduled += 1;
        self.events.insert((self.now + after, self.scheduled), event);
    }

    const fn path(&self, transport: Transport) -> PathState {
        match transport {
            Transport::WebSocket => self.tcp,
            Transport::WebTransport => self.udp,
        }
    }

    /// True if data of established connections passes.
    fn passes(&self, transport: Transport) -> bool {
        self.path(transport) != PathState::Blackhole
    }

    pub(super) fn next_event_at(&self) -> Option<Time> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// Begins the handshake of a connection.
    pub(super) fn open(&mut self, id: ConnectionId, mode: Mode) {
        let transport = mode.transport();
        let hold_back = match transport {
            Transport::WebSocket => Duration::ZERO,
            Transport::WebTransport if self.failed_handshakes == 0 => Duration::ZERO,
            Transport::WebTransport => Duration::from_millis(10)
                .saturating_mul(1 << self.failed_handshakes.min(16))
                .min(Self::LONGEST_HOLD_BACK),
        };
        let began = self.now + hold_back;
        let wire = Wire {
            state: WireState::Opening,
            has_sent: false,
            transport,
            began,
            heard_at: began,
            held_up: VecDeque::new(),
            held_down: VecDeque::new(),
        };
        assert!(self.wires.insert(id, wire).is_none(), "each connection has a number of its own");
        self.schedule(hold_back + Self::LATENCY * 4, NetworkEvent::Handshake { id, tries: 0 });
    }

    pub(super) fn probe(&mut self, id: ConnectionId) {
        self.schedule(Self::LATENCY * 4, NetworkEvent::Probe { id, tries: 0 });
    }

    pub(super) fn send(&mut self, id: ConnectionId, bytes: Bytes) {
        let wire = self.wires.get_mut(&id).expect("only opened connections are sent on");
        assert!(matches!(wire.state, WireState::Open | WireState::Lost), "sent on {id:?}: {wire:?}");
        wire.has_sent = true;
        self.schedule(Self::LATENCY, NetworkEvent::ToServer { id, bytes });
    }

    /// Handles a connection that the lane closes, explicitly or by dropping its last handle.
    pub(super) fn close(&mut self, id: ConnectionId) {
        if let Some(wire) = self.wires.get_mut(&id)
            && matches!(wire.state, WireState::Opening | WireState::Open)
        {
            wire.state = WireState::Closed;
            self.schedule(Self::LATENCY, NetworkEvent::CloseAtServer { id });
        }
    }

    /// Runs the next event, if it is due.
    pub(super) fn run_next(&mut self) {
        let now = self.now;
        let Some(first) = self.events.first_entry().filter(|entry| entry.key().0 <= now) else { return };
        match first.remove() {
            NetworkEvent::Produce => {
                if self.produces && !self.is_server_frozen {
                    self.server.produce(now);
                } else if !self.is_server_frozen {
                    self.server.run(now);
                }
                self.schedule(Self::PRODUCE_EVERY, NetworkEvent::Produce);
            }
            NetworkEvent::Handshake { id, tries } => self.run_handshake(id, tries),
            NetworkEvent::Probe { id, tries } => self.run_probe(id, tries),
            NetworkEvent::ToServer { id, bytes } => {
                let is_frozen = self.is_server_frozen;
                let Some(wire) = self.wires.get_mut(&id) else { return };
                let transport = wire.transport;
                if is_frozen || !wire.held_up.is_empty() || !self.passes(transport) {
                    if let Some(wire) = self.wires.get_mut(&id) {
                        wire.held_up.push_back(bytes);
                    }
                } else {
                    self.hand_to_server(id, &bytes);
                }
            }
            NetworkEvent::ToClient { id, event } => self.run_arrival(id, event),
            NetworkEvent::CloseAtServer { id } => {
                if self.wires.get(&id).is_some_and(|wire| self.passes(wire.transport)) {
                    self.server.handle_closed(id);
                }
            }
            NetworkEvent::IdleCheck { id } => self.run_idle_check(id),
            NetworkEvent::Release { id } => self.release(id),
        }
        self.send_outputs();
    }

    fn run_handshake(&mut self, id: ConnectionId, tries: u32) {
        let Some(wire) = self.wires.get(&id) else { return };
        let (transport, waited) = (wire.transport, self.now.since(wire.began));
        let limit = match transport {
            Transport::WebSocket => Self::TCP_HANDSHAKE,
            Transport::WebTransport => Self::QUIC_HANDSHAKE,
        };
        match self.path(transport) {
            PathState::Blackhole if waited < limit => {
                let wait = Duration::from_secs(1 << tries.min(3)).min(limit - waited);
                return self.schedule(wait, NetworkEvent::Handshake { id, tries: tries + 1 });
            }
            PathState::Up if self.server.is_up => {
                if transport == Transport::WebTransport {
                    self.failed_handshakes = 0;
                    self.schedule(Self::IDLE, NetworkEvent::IdleCheck { id });
                }
                let now = self.now;
                if let Some(wire) = self.wires.get_mut(&id) {
                    wire.heard_at = now;
                    if wire.state == WireState::Opening {
                        wire.state = WireState::Open;
                        self.server.handle_accepted(id, transport);
                    }
                }
                // A browser may have queued an event of a connection that the lane closes meanwhile.
                return self.inbox.push_back((id, LaneEvent::Opened));
            }
            PathState::Up | PathState::Refusing | PathState::Blackhole => {}
        }
        let (code, reason) = match transport {
            Transport::WebSocket => (Some(1006), String::new()),
            Transport::WebTransport => {
                self.failed_handshakes += 1;
                (None, "Opening handshake failed.".into())
            }
        };
        self.lose(id, code, reason);
    }

    fn run_probe(&mut self, id: ConnectionId, tries: u32) {
        match self.tcp {
            PathState::Up => self.inbox.push_back((id, LaneEvent::Probed(self.server.is_up))),
            PathState::Refusing => self.inbox.push_back((id, LaneEvent::Probed(false))),
            PathState::Blackhole if tries == 0 => {
                self.schedule(Self::PROBE, NetworkEvent::Probe { id, tries: 1 });
            }
            PathState::Blackhole => self.inbox.push_back((id, LaneEvent::Probed(false))),
        }
    }

    fn run_arrival(&mut self, id: ConnectionId, event: LaneEvent) {
        let now = self.now;
        let Some(transport) = self.wires.get(&id).map(|wire| wire.transport) else { return };
        let passes = self.passes(transport);
        let Some(wire) = self.wires.get_mut(&id) else { return };
        if !passes || !wire.held_down.is_empty() {
            wire.held_down.push_back(event);
            return;
        }
        wire.heard_at = now;
        match event {
            LaneEvent::Closed { code, reason } => self.lose(id, code, reason),
            LaneEvent::Probed(_) | LaneEvent::Opened | LaneEvent::Frame(_) | LaneEvent::Stream { .. } => {
                self.inbox.push_back((id, event));
            }
        }
    }

    fn run_idle_check(&mut self, id: ConnectionId) {
        let Some(wire) = self.wires.get(&id).filter(|wire| wire.state == WireState::Open) else { return };
        let idle = self.now.since(wire.heard_at);
        if idle >= Self::IDLE {
            self.server.handle_closed(id);
            self.lose(id, None, "Connection lost.".into());
        } else {
            self.schedule(Self::IDLE - idle, NetworkEvent::IdleCheck { id });
        }
    }

    /// Notifies the browser that a connection is over.
    fn lose(&mut self, id: ConnectionId, code: Option<u32>, reason: String) {
        if let Some(wire) = self.wires.get_mut(&id)
            && matches!(wire.state, WireState::Opening | WireState::Open)
        {
            wire.state = WireState::Lost;
        }
        self.inbox.push_back((id, LaneEvent::Closed { code, reason }));
    }

    fn send_outputs(&mut self) {
        for (id, output) in self.server.take_outputs() {
            let Some(wire) = self.wires.get(&id) else { continue };
            let event = match (output, wire.transport) {
                (Output::Control(bytes), Transport::WebSocket) => LaneEvent::Frame(bytes),
                (Output::Control(bytes), Transport::WebTransport) => {
                    LaneEvent::Stream { is_control: true, bytes }
                }
                (Output::Data(bytes), _) => LaneEvent::Stream { is_control: false, bytes },
                (Output::Close(code, reason), Transport::WebSocket) => {
                    LaneEvent::Closed { code: Some(code.websocket().into()), reason }
                }
                (Output::Close(code, reason), Transport::WebTransport) => {
                    LaneEvent::Closed { code: Some(code.webtransport()), reason }
                }
            };
            self.schedule(Self::LATENCY, NetworkEvent::ToClient { id, event });
        }
    }

    /// Changes both paths, and freezes or thaws the server; releases the data that they held back.
    pub(super) fn set_conditions(&mut self, tcp: PathState, udp: PathState, is_server_frozen: bool) {
        (self.tcp, self.udp, self.is_server_frozen) = (tcp, udp, is_server_frozen);
        let ids: Vec<_> = self.wires.keys().copied().collect();
        for id in ids {
            let Some(wire) = self.wires.get_mut(&id) else { continue };
            if self.tcp == PathState::Blackhole && wire.transport == Transport::WebSocket
                || self.udp == PathState::Blackhole && wire.transport == Transport::WebTransport
            {
                continue;
            }
            if !wire.held_down.is_empty() || !wire.held_up.is_empty() {
                self.schedule(Self::LATENCY, NetworkEvent::Release { id });
            }
        }
    }

    /// Releases data that was held back. Until then, later bytes wait behind it.
    fn release(&mut self, id: ConnectionId) {
        let Some(transport) = self.wires.get(&id).map(|wire| wire.transport) else { return };
        if !self.passes(transport) {
            return;
        }
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let down = core::mem::take(&mut wire.held_down);
        let up = if self.is_server_frozen { VecDeque::new() } else { core::mem::take(&mut wire.held_up) };
        for event in down {
            self.run_arrival(id, event);
        }
        for bytes in up {
            self.hand_to_server(id, &bytes);
        }
    }

    /// Hands bytes to the server. A session that a late Hello begins on a connection closed by the lane is
    /// not counted as the lane's.
    fn hand_to_server(&mut self, id: ConnectionId, bytes: &Bytes) {
        let first_position = self.server.first_position;
        self.server.handle_bytes(id, bytes, self.now);
        if self.wires.get(&id).is_some_and(|wire| wire.state == WireState::Closed) {
            self.server.first_position = first_position;
        }
    }

    /// Stops the server. Without a goodbye, its kernel resets TCP connections, while QUIC connections receive
    /// nothing.
    pub(super) fn stop_server(&mut self, is_graceful: bool) {
        for id in self.server.stop(is_graceful) {
            let is_tcp = self.wires.get(&id).is_some_and(|wire| wire.transport == Transport::WebSocket);
            if is_tcp && !is_graceful {
                let event = LaneEvent::Closed { code: Some(1006), reason: String::new() };
                self.schedule(Self::LATENCY, NetworkEvent::ToClient { id, event });
            }
        }
        self.send_outputs();
    }

    /// Closes every connection at the server.
    pub(super) fn close_all(&mut self, code: sluice_shared::wire::CloseCode) {
        self.server.close_all(code);
        self.send_outputs();
    }
}
