//! Scripts: lists of described steps.
//! Played by `scenarios`; the faults are also used by `properties`.

use core::time::Duration;

use sluice_shared::mode::Transport;
use sluice_shared::wire::CloseCode;

use super::network::PathState;
use super::world::World;
use sluice_bridge::{Command, Connection, ConnectionEventKind, SessionStart};

/// Step of a script.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Sends a command of the page.
    Tell(Command),
    /// Injects a fault.
    Inject(Fault),
    /// Lets time pass.
    Run(Duration),
    /// Lets time pass until the condition holds, at most this long.
    Within(Duration, Condition),
    /// Expects the condition now and for this long.
    Stays(Duration, Condition),
    /// Expects the condition now.
    Check(Condition),
}

/// Fault or other change of the network, the server or the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The path of one transport changes.
    Path(Transport, PathState),
    /// Both paths change.
    Network(PathState),
    /// The server process stops, with a goodbye or without.
    StopServer { is_graceful: bool },
    /// The server process starts again, without its earlier state.
    StartServer,
    /// The server process accepts connections but does nothing.
    FreezeServer,
    /// The frozen server process continues.
    ThawServer,
    /// Sessions expire at the server.
    ForgetSessions,
    /// The server closes every connection with this code.
    CloseAll(CloseCode),
    /// The server rejects every Hello with this code from now on; `None` accepts them again.
    RejectWith(Option<CloseCode>),
    /// The tab sleeps; its timers fire before or after the events received meanwhile.
    Sleep { secs: u64, timers_first: bool },
    /// The browser has no WebTransport.
    NoWebTransport,
    /// Publishing stops.
    StopProducing,
}

/// Expected condition of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The lane is open over this transport.
    OpenOver(Transport),
    /// The lane is not open.
    NotOpen,
    /// The lane waits for its next attempt, and the reason contains these words.
    WaitsFor(&'static str),
    /// The lane has given up, and the reason contains these words.
    GaveUp(&'static str),
    /// The newest session started this way.
    Began(SessionStart),
    /// The heartbeat has ended a connection.
    HeartbeatEndedOne,
    /// The log contains these words.
    Noted(&'static str),
    /// The lane has reconnected this many times.
    Reconnected(u64),
    /// Every message since the first subscription was consumed exactly once.
    AllConsumed,
    /// The state of the server's queues is known, or unknown.
    ServerQueuesKnown(bool),
    /// No connection is left.
    NothingLive,
}

impl Fault {
    pub(super) fn inject(self, world: &mut World) {
        let (tcp, udp, frozen) = {
            let network = world.network.borrow();
            (network.tcp, network.udp, network.is_server_frozen)
        };
        match self {
            Self::Path(Transport::WebSocket, state) => {
                world.network.borrow_mut().set_conditions(state, udp, frozen);
            }
            Self::Path(Transport::WebTransport, state) => {
                world.network.borrow_mut().set_conditions(tcp, state, frozen);
            }
            Self::Network(state) => world.network.borrow_mut().set_conditions(state, state, frozen),
            Self::StopServer { is_graceful } => world.network.borrow_mut().stop_server(is_graceful),
            Self::StartServer => world.network.borrow_mut().server.start(),
            Self::FreezeServer => world.network.borrow_mut().set_conditions(tcp, udp, true),
            Self::ThawServer => world.network.borrow_mut().set_conditions(tcp, udp, false),
            Self::ForgetSessions => world.network.borrow_mut().server.forget_sessions(),
            Self::CloseAll(code) => world.network.borrow_mut().close_all(code),
            Self::RejectWith(code) => world.network.borrow_mut().server.rejects_with = code,
            Self::Sleep { secs, timers_first } => world.sleep(Duration::from_secs(secs), timers_first),
            Self::NoWebTransport => world.lacks_webtransport.set(true),
            Self::StopProducing => world.network.borrow_mut().produces = false,
        }
    }
}

impl Condition {
    pub(super) fn holds(self, world: &mut World) -> bool {
        if !matches!(
            self,
            Self::OpenOver(_) | Self::NotOpen | Self::WaitsFor(_) | Self::GaveUp(_) | Self::NothingLive
        ) {
            world.report();
        }
        match (self, world.connection()) {
            (Self::OpenOver(transport), Connection::Open { mode, .. }) => mode.transport() == transport,
            (Self::NotOpen, connection) => !matches!(connection, Connection::Open { .. }),
            (Self::WaitsFor(words), Connection::Waiting { reason, .. })
            | (Self::GaveUp(words), Connection::Failed { reason }) => reason.contains(words),
            (Self::OpenOver(_) | Self::WaitsFor(_) | Self::GaveUp(_), _) => false,
            (Self::Began(start), _) => {
                let mut starts = world.timeline.iter().filter_map(|event| match event.kind {
                    ConnectionEventKind::Welcome(_, start) => Some(start),
                    ConnectionEventKind::Connecting(_)
                    | ConnectionEventKind::TransportOpen(_)
                    | ConnectionEventKind::Ping
                    | ConnectionEventKind::Pong { .. }
                    | ConnectionEventKind::Missed
                    | ConnectionEventKind::Dead
                    | ConnectionEventKind::Lost
                    | ConnectionEventKind::Fresh
                    | ConnectionEventKind::Backoff { .. }
                    | ConnectionEventKind::Online
                    | ConnectionEventKind::Closed => None,
                });
                starts.next_back() == Some(start)
            }
            (Self::HeartbeatEndedOne, _) => {
                world.timeline.iter().any(|event| event.kind == ConnectionEventKind::Dead)
            }
            (Self::Noted(words), _) => world.notes.iter().any(|note| note.contains(words)),
            (Self::Reconnected(times), _) => world.summary().reconnects == times,
            (Self::AllConsumed, _) => {
                let network = world.network.borrow();
                let first = network.server.first_position.map_or(0, |seq| seq.0);
                let summary = world.summary();
                (summary.lost, summary.consumed.messages) == (0, network.server.head().0 - first)
            }
            (Self::ServerQueuesKnown(is_known), _) => world.summary().hops.backlog.is_some() == is_known,
            (Self::NothingLive, _) => world.live_connections() == 0,
        }
    }
}

/// Plays a script; a failure names the step.
pub(super) fn play(seed: u64, steps: &[(&str, Step)]) -> World {
    const LOOK: Duration = Duration::from_millis(20);
    let mut world = World::new(seed);
    for (description, step) in steps {
        match step {
            Step::Tell(command) => world.command(command.clone()),
            Step::Inject(fault) => fault.inject(&mut world),
            Step::Run(span) => world.run_for(*span),
            Step::Within(span, condition) => {
                let end = world.now() + *span;
                while !condition.holds(&mut world) {
                    assert!(world.now() < end, "{description}: {}", state(&world));
                    world.run_for(LOOK);
                }
            }
            Step::Stays(span, condition) => {
                let end = world.now() + *span;
                while world.now() < end {
                    assert!(condition.holds(&mut world), "{description}: {}", state(&world));
                    world.run_for(LOOK);
                }
            }
            Step::Check(condition) => {
                assert!(condition.holds(&mut world), "{description}: {}", state(&world))
            }
        }
    }
    world.report();
    world
}

fn state(world: &World) -> String {
    let summary = world.summary();
    format!(
        "{:?} at {:?}, {} consumed, {} lost, {} reconnects, notes {:?}",
        world.connection(),
        world.now(),
        summary.consumed.messages,
        summary.lost,
        summary.reconnects,
        world.notes,
    )
}
