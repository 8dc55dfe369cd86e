//! The event loop of one lane.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use sluice_balancer::ServerId;
use sluice_shared::link::Direction;
use sluice_shared::scenario::LaneSetup;
use sluice_shared::session::{Backoff, ClientEvent, ClientSession};
use sluice_shared::time::Time;
use sluice_shared::wire::codec::write_client_item;

use super::addresses::Addresses;
use super::attacks::Attacks;
use super::feed::Feed;
use super::measure::wire;
use super::network::{Network, Tagged};
use super::server_end::ServerEnd;
use super::transport::{PathFigures, Resent, Transport};
use crate::compare::client::{MOST_AT_ONCE, PATIENCE, SHORTEST_STALL};
use crate::compare::consumer::Consumer;
use crate::compare::error::CompareError;
use crate::compare::migration::{Migration, Moves};
use crate::compare::plan::Plan;
use crate::compare::report::Wire;
use crate::compare::spoofed::{SpoofFigures, Spoofed};
use crate::compare::tally::Tally;

/// When virtual time begins: so long after the epoch that times take as many bytes as real ones.
pub(super) const START: Time = Time::from_millis(1_800_000_000_000);
/// For how long messages may still arrive after the feed has ended.
const DRAIN: Duration = Duration::from_secs(10);
/// Turns at one moment after which time is taken to stand still.
const MOST_TURNS: u32 = 1_000_000;

/// A connection that is to be opened.
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) from: SocketAddr,
    pub(super) now: Time,
}

/// What a lane has measured.
pub(super) struct Measured {
    pub(super) tally: Tally,
    /// `None` where no address changes.
    pub(super) migration: Option<Migration>,
    /// `None` where nobody copies packets, or there are none of QUIC.
    pub(super) spoof: Option<Spoofed>,
    pub(super) published: u64,
    pub(super) ended_at: Time,
    pub(super) up: Wire,
    pub(super) down: Wire,
}

/// A lane on its way through virtual time.
pub(super) struct Run<'a, T: Transport, F> {
    lane: &'a LaneSetup,
    /// Whether the client's address changes at all.
    has_changes: bool,
    /// Whether somebody copies its packets.
    has_attacks: bool,
    connect: F,
    now: Time,
    feed_ends_at: Time,
    feed: Feed,
    network: Network<T::Packet>,
    session: ClientSession,
    consumer: Consumer,
    tally: Tally,
    backoff: Backoff,
    connection: Option<Connected<T>>,
    next_number: u32,
    /// When to connect, while there is no connection.
    connect_at: Time,
    addresses: Addresses<'a>,
    moves: Moves,
    attacks: Attacks,
    /// Of the connections that are over.
    spoof_figures: Option<SpoofFigures>,
    /// The backend that the session was at last.
    backend: Option<ServerId>,
    resent: Resent,
    figures: PathFigures,
    outgoing: BytesMut,
    last_consumed_at: Time,
}

/// A connection, and the server's session on it.
struct Connected<T> {
    number: u32,
    transport: T,
    server: ServerEnd,
    has_said_hello: bool,
    /// When it must be open.
    patience_ends_at: Time,
}

impl<'a, T, F> Run<'a, T, F>
where
    T: Transport,
    F: Fn(Attempt) -> Result<T, CompareError>,
{
    /// A lane that is about to begin.
    pub(super) fn new(plan: &'a Plan, lane: &'a LaneSetup, connect: F) -> Self {
        let scenario = plan.scenario();
        let profile = scenario.network.profile();
        let feed_ends_at = START + Duration::from_secs(scenario.seconds.into());
        let rtt = profile.up.propagation.delay + profile.down.propagation.delay;
        Self {
            lane,
            has_changes: plan.has_changes(),
            has_attacks: scenario.spoof.is_some(),
            connect,
            now: START,
            feed_ends_at,
            feed: Feed::new(scenario.ticks(), START, feed_ends_at),
            network: Network::new(profile, lane.mode.transport(), scenario.seed, START),
            session: ClientSession::new(plan.client_config(lane), START),
            consumer: Consumer::new(lane.consumer_delay),
            tally: Tally::new(profile.down.propagation.delay, rtt.max(SHORTEST_STALL)),
            backoff: Backoff::new(scenario.seed),
            connection: None,
            next_number: 0,
            connect_at: START,
            addresses: Addresses::new(profile, scenario.address_changes, scenario.seed, START, feed_ends_at),
            moves: Moves::default(),
            attacks: Attacks::new(scenario.spoof, scenario.seed, START, feed_ends_at),
            spoof_figures: None,
            backend: None,
            resent: Resent::default(),
            figures: PathFigures::default(),
            outgoing: BytesMut::new(),
            last_consumed_at: START,
        }
    }

    /// Runs it until all is accounted for, or time is up.
    ///
    /// # Errors
    /// An end broke the protocol.
    pub(super) fn measure(mut self) -> Result<Measured, CompareError> {
        let deadline = self.feed_ends_at + DRAIN;
        let mut turns = 0;
        loop {
            self.turn()?;
            if self.is_settled() {
                break;
            }
            let Some(next) = self.poll_timeout().filter(|next| *next <= deadline) else { break };
            if next > self.now {
                self.now = next;
                turns = 0;
            }
            turns += 1;
            if turns > MOST_TURNS {
                return Err(CompareError::Stuck { mode: self.lane.mode, at: self.now });
            }
        }
        let resent = self.resent.plus(self.open_resent());
        let migration = self.has_changes.then(|| self.migration());
        let spoof = self.all_spoof_figures().filter(|_| self.has_attacks).map(SpoofFigures::report);
        Ok(Measured {
            migration,
            spoof,
            published: self.feed.published(),
            ended_at: self.feed_ends_at.max(self.last_consumed_at),
            up: wire(&self.network, Direction::Up, resent.up),
            down: wire(&self.network, Direction::Down, resent.down),
            tally: self.tally,
        })
    }

    /// Whether the feed has ended and every message of this lane is accounted for.
    fn is_settled(&self) -> bool {
        let is_over = self.feed.poll_timeout().is_none();
        let expected = self.feed.published() - self.tally.missed_before();
        is_over && self.tally.welcomed_at.is_some() && self.tally.settled() >= expected
    }

    fn poll_timeout(&mut self) -> Option<Time> {
        let connection = match &mut self.connection {
            Some(connection) => [
                connection.transport.poll_timeout(),
                connection.server.poll_timeout(&mut connection.transport),
                (!connection.has_said_hello).then_some(connection.patience_ends_at),
            ],
            None => [Some(self.connect_at), None, None],
        };
        let others = [
            self.feed.poll_timeout(),
            self.network.poll_timeout(),
            self.session.poll_timeout().map(|(at, _)| at),
            self.consumer.poll_timeout(),
            self.addresses.poll_timeout(),
            self.attacks.poll_timeout(),
        ];
        connection.into_iter().chain(others).flatten().min()
    }

    /// Does everything that is due now.
    fn turn(&mut self) -> Result<(), CompareError> {
        self.change_address();
        self.attack();
        if self.connection.is_none() && self.connect_at <= self.now {
            self.open()?;
        }
        self.take_arrivals();
        let published = self.feed.publish(self.now);
        self.drive_connection(published)?;
        self.consume();
        self.transmit();
        self.send_packets();
        Ok(())
    }

    fn change_address(&mut self) {
        while let Some(change) = self.addresses.poll_change(self.now) {
            self.moves.note_change(self.now);
            if let Some(connection) = &mut self.connection {
                connection.transport.handle_new_address(change);
            }
            if change.tells_client {
                // A page that has a network again connects at once.
                self.backoff.reset();
                self.connect_at = self.connect_at.min(self.now);
            }
        }
    }

    fn attack(&mut self) {
        while let Some(attack) = self.attacks.poll_attack(self.now) {
            if let Some(connection) = self.connection.as_mut().filter(|connection| connection.has_said_hello)
            {
                connection.transport.handle_attack(attack);
            }
        }
    }

    /// What came of attacks on all connections.
    fn all_spoof_figures(&self) -> Option<SpoofFigures> {
        let open = self.connection.as_ref().and_then(|connection| connection.transport.spoof_figures());
        [self.spoof_figures, open].into_iter().flatten().reduce(SpoofFigures::plus)
    }

    fn open(&mut self) -> Result<(), CompareError> {
        let number = self.next_number;
        self.next_number += 1;
        self.connection = Some(Connected {
            number,
            transport: (self.connect)(Attempt {
                number,
                from: self.addresses.of_new_connection(),
                now: self.now,
            })?,
            server: ServerEnd::default(),
            has_said_hello: false,
            patience_ends_at: self.now + PATIENCE,
        });
        Ok(())
    }

    fn take_arrivals(&mut self) {
        for direction in Direction::BOTH {
            while let Some(Tagged { connection: number, packet }) =
                self.network.poll_arrival(direction, self.now)
            {
                match &mut self.connection {
                    Some(connection) if connection.number == number => {
                        connection.transport.handle_packet(direction, packet, self.now);
                    }
                    Some(_) | None => {}
                }
            }
        }
    }

    fn drive_connection(&mut self, published: bool) -> Result<(), CompareError> {
        let (mode, now) = (self.lane.mode, self.now);
        let broken = |problem: String| CompareError::Protocol { mode, problem };
        let Some(connection) = &mut self.connection else { return Ok(()) };
        if connection.transport.poll_timeout().is_some_and(|due| due <= now) {
            connection.transport.handle_timeout(now);
        }
        connection.server.run(&mut connection.transport, &self.feed, published, now).map_err(broken)?;
        if !connection.has_said_hello && connection.transport.is_open() {
            connection.has_said_hello = true;
            self.moves.note_connected(now);
            self.session.handle_connected(now);
        }
        if connection.has_said_hello {
            let delivered = connection.transport.deliver(&mut self.session, now);
            delivered.map_err(|error| broken(error.to_string()))?;
        }
        let is_late = !connection.has_said_hello && connection.patience_ends_at <= now;
        let mut is_over = connection.transport.is_over() || is_late;
        if self.session.poll_timeout().is_some_and(|(due, _)| due <= now) {
            self.session.handle_timeout(now);
        }
        while let Some(event) = self.session.poll_event() {
            match event {
                ClientEvent::Silent => is_over = true,
                ClientEvent::Welcome(_) => {
                    self.backoff.reset();
                    let backend = connection.transport.backend();
                    let before = std::mem::replace(&mut self.backend, backend);
                    self.moves.note_welcome(before != backend, now);
                }
                ClientEvent::StartedOver { .. } => self.moves.note_started_over(),
                ClientEvent::Subscribed(_)
                | ClientEvent::Gap { .. }
                | ClientEvent::Lost { .. }
                | ClientEvent::Sample(_)
                | ClientEvent::Ping
                | ClientEvent::Heartbeat { .. }
                | ClientEvent::Missed
                | ClientEvent::Echo(_)
                | ClientEvent::Certificate(_)
                | ClientEvent::Goodbye(_) => {}
            }
            self.tally.note(&event, now);
        }
        if is_over {
            self.disconnect();
        }
        Ok(())
    }

    fn disconnect(&mut self) {
        self.resent = self.resent.plus(self.open_resent());
        self.figures = self.figures.plus(self.open_figures());
        self.spoof_figures = self.all_spoof_figures();
        self.moves.note_disconnected(self.now);
        self.connection = None;
        self.session.handle_disconnected();
        self.connect_at = self.now + self.backoff.next_delay();
    }

    fn open_resent(&self) -> Resent {
        self.connection.as_ref().map_or_else(Resent::default, |connection| connection.transport.resent())
    }

    fn open_figures(&self) -> PathFigures {
        self.connection
            .as_ref()
            .map_or_else(PathFigures::default, |connection| connection.transport.figures())
    }

    fn migration(&self) -> Migration {
        let figures = self.figures.plus(self.open_figures());
        Migration {
            addresses_used: figures.addresses,
            addresses_misrouted: Some(figures.misrouted_addresses),
            misrouted_packets: figures.misrouted_packets,
            stateless_resets: Some(figures.stateless_resets),
            believed_resets: figures.believed_resets,
            path_changes: figures.path_changes,
            window_resets: Some(figures.window_resets),
            path_challenges: Some(figures.path_challenges),
            path_responses: Some(figures.path_responses),
            ..self.moves.report()
        }
    }

    fn consume(&mut self) {
        while let Some((message, at)) = self.consumer.poll_consumed(&mut self.session, self.now) {
            let age = at.since(message.header.produced_at);
            self.tally.note_consumed(&message, age, at);
            self.moves.note_received(message.received_at);
            self.last_consumed_at = at;
        }
    }

    fn transmit(&mut self) {
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.has_said_hello) else {
            return;
        };
        loop {
            self.outgoing.clear();
            while self.outgoing.len() < MOST_AT_ONCE
                && let Some(item) = self.session.poll_transmit()
            {
                write_client_item(&mut self.outgoing, &item);
            }
            if self.outgoing.is_empty() {
                return;
            }
            connection.transport.send(&self.outgoing, self.now);
        }
    }

    fn send_packets(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        while let Some(outgoing) = connection.transport.poll_packet(self.now) {
            let packet = Tagged { connection: connection.number, packet: outgoing.packet };
            self.network.send(outgoing.direction, packet, outgoing.bytes, self.now);
        }
    }
}
