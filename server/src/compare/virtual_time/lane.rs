//! The event loop of one lane.

use std::time::Duration;

use bytes::BytesMut;
use sluice_shared::link::{Direction, NetworkProfile};
use sluice_shared::mode::Transport as Protocol;
use sluice_shared::scenario::LaneSetup;
use sluice_shared::session::{Backoff, ClientEvent, ClientSession};
use sluice_shared::time::Time;
use sluice_shared::wire::codec::write_client_item;

use super::feed::Feed;
use super::network::{Network, Tagged};
use super::server_end::ServerEnd;
use super::transport::{Resent, Transport};
use super::websocket::WebSocket;
use super::webtransport::{Identity, WebTransport};
use crate::compare::client::{MOST_AT_ONCE, PATIENCE, SHORTEST_STALL};
use crate::compare::consumer::Consumer;
use crate::compare::error::CompareError;
use crate::compare::plan::Plan;
use crate::compare::report::{LaneReport, Outcome, Wire};
use crate::compare::tally::{Tally, span_millis};

/// When virtual time begins: so long after the epoch that times take as many bytes as real ones.
const START: Time = Time::from_millis(1_800_000_000_000);
/// For how long messages may still arrive after the feed has ended.
const DRAIN: Duration = Duration::from_secs(10);
/// Turns at one moment after which time is taken to stand still.
const MOST_TURNS: u32 = 1_000_000;
/// Runs one lane of `plan` from its first packet until all is accounted for, or time is up.
///
/// # Errors
/// QUIC cannot be set up, or an end broke the protocol.
pub(in crate::compare) fn measure(plan: &Plan, lane: &LaneSetup) -> Result<LaneReport, CompareError> {
    let scenario = plan.scenario();
    let (congestion, seed) = (scenario.congestion, scenario.seed);
    let of_connection =
        |number: u32| seed.wrapping_add(u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (measured, stack) = match lane.mode.transport() {
        Protocol::WebSocket => {
            let connect = |number, now| Ok(WebSocket::connect(congestion, of_connection(number), now));
            (Run::new(plan, lane, connect).measure()?, "tcp")
        }
        Protocol::WebTransport => {
            let identity = Identity::new()?;
            let connect =
                |number, now| WebTransport::connect(&identity, congestion, of_connection(number), now);
            (Run::new(plan, lane, connect).measure()?, "quic")
        }
    };
    let Measured { tally, published, ended_at, up, down } = measured;
    let welcomed_at = tally.welcomed_at;
    let outcome = Outcome {
        connected_after_ms: welcomed_at.map(|at| span_millis(at.since(START))),
        connected_secs: welcomed_at.map_or(0.0, |at| ended_at.since(at).as_secs_f64()),
        published: welcomed_at.map_or(0, |_| published - tally.missed_before()),
        congestion: format!("{stack} {congestion}"),
        encrypted: lane.mode.transport() == Protocol::WebTransport,
        cpu: None,
        up,
        down,
    };
    Ok(LaneReport::new(lane, &tally, outcome))
}

/// What a lane has measured.
struct Measured {
    tally: Tally,
    published: u64,
    ended_at: Time,
    up: Wire,
    down: Wire,
}

/// A lane on its way through virtual time.
struct Run<'a, T: Transport, F> {
    lane: &'a LaneSetup,
    profile: &'a NetworkProfile,
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
    new_address_at: Option<Time>,
    resent: Resent,
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
    F: Fn(u32, Time) -> Result<T, CompareError>,
{
    fn new(plan: &'a Plan, lane: &'a LaneSetup, connect: F) -> Self {
        let scenario = plan.scenario();
        let profile = scenario.network.profile();
        let feed_ends_at = START + Duration::from_secs(scenario.seconds.into());
        let rtt = profile.up.propagation.delay + profile.down.propagation.delay;
        Self {
            lane,
            profile,
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
            new_address_at: next_address(profile, Duration::ZERO),
            resent: Resent::default(),
            outgoing: BytesMut::new(),
            last_consumed_at: START,
        }
    }

    fn measure(mut self) -> Result<Measured, CompareError> {
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
        Ok(Measured {
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
            self.new_address_at,
        ];
        connection.into_iter().chain(others).flatten().min()
    }

    /// Does everything that is due now.
    fn turn(&mut self) -> Result<(), CompareError> {
        self.renew_address();
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

    fn renew_address(&mut self) {
        if self.new_address_at.is_none_or(|at| at > self.now) {
            return;
        }
        self.new_address_at = next_address(self.profile, self.now.since(START));
        if let Some(connection) = &mut self.connection {
            connection.transport.handle_new_address(self.now);
        }
        // A page that has a network again connects at once.
        self.backoff.reset();
        self.connect_at = self.connect_at.min(self.now);
    }

    fn open(&mut self) -> Result<(), CompareError> {
        let number = self.next_number;
        self.next_number += 1;
        self.connection = Some(Connected {
            number,
            transport: (self.connect)(number, self.now)?,
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
                ClientEvent::Welcome(_) => self.backoff.reset(),
                ClientEvent::Subscribed(_)
                | ClientEvent::Gap { .. }
                | ClientEvent::Lost { .. }
                | ClientEvent::Sample(_)
                | ClientEvent::Ping
                | ClientEvent::Heartbeat { .. }
                | ClientEvent::Missed
                | ClientEvent::Echo(_)
                | ClientEvent::Certificate(_)
                | ClientEvent::StartedOver { .. }
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
        self.connection = None;
        self.session.handle_disconnected();
        self.connect_at = self.now + self.backoff.next_delay();
    }

    fn open_resent(&self) -> Resent {
        self.connection.as_ref().map_or_else(Resent::default, |connection| connection.transport.resent())
    }

    fn consume(&mut self) {
        while let Some((message, at)) = self.consumer.poll_consumed(&mut self.session, self.now) {
            let age = at.since(message.header.produced_at);
            self.tally.note_consumed(&message, age, at);
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

/// When the client has another address next: at the end of an outage, if its network gives it one.
fn next_address(profile: &NetworkProfile, elapsed: Duration) -> Option<Time> {
    let end = profile.down.outages.next_end(elapsed).filter(|_| profile.renews_address)?;
    Some(START + end)
}

fn wire<P: Clone>(network: &Network<P>, direction: Direction, resent_packets: u64) -> Wire {
    let counters = network.counters(direction);
    Wire {
        packets: counters.offered.packets,
        bytes: counters.delivered.bytes.as_u64(),
        loss_percent: counters.realised_loss().map(|share| share * 100.0),
        lost_packets: counters.lost_at_random.packets + counters.lost_in_bursts.packets,
        queue_drops: counters.dropped_by_queue.packets,
        outage_drops: counters.dropped_by_outage.packets
            + counters.dropped_by_block.packets
            + counters.dropped_by_overload.packets,
        resent_packets: Some(resent_packets),
    }
}
