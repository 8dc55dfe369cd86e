//! A native client, from its first connection until the time is up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use parking_lot::Mutex;
use sluice_shared::link::Direction;
use sluice_shared::mode::Transport;
use sluice_shared::scenario::LaneSetup;
use sluice_shared::session::{Backoff, ClientError, ClientEvent, ClientSession, Intake};
use sluice_shared::time::Time;
use sluice_shared::wire::ServerSample;
use sluice_shared::wire::codec::write_client_item;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};

use super::changes;
use super::connection::{Connection, Input, Target};
use super::cpu::process_time;
use super::lab::WatchedLab;
use super::record::{Record, Seen};
use crate::clock::Clock;
use crate::compare::client::{MOST_AT_ONCE, PATIENCE, SHORTEST_STALL};
use crate::compare::consumer::Consumer;
use crate::compare::error::CompareError;
use crate::compare::migration::Migration;
use crate::compare::plan::Plan;
use crate::compare::report::{LaneReport, Outcome};
use crate::compare::tally::{Tally, span_millis};

/// Inputs that are handled before the client looks at anything else.
const MOST_INPUTS: usize = 256;

/// Runs one lane in a lab of its own at `server`.
///
/// # Errors
/// The lab cannot be had, or the server broke the protocol.
pub(super) async fn measure(
    plan: &Plan,
    lane: &LaneSetup,
    number: u16,
    server: SocketAddr,
) -> Result<LaneReport, CompareError> {
    let failed = |problem: String| CompareError::Native { mode: lane.mode, problem };
    let scenario = plan.scenario();
    let transport = lane.mode.transport();
    let record = Arc::new(Mutex::new(Record::new(number, transport)));
    let lab = WatchedLab::open(plan, server, number, Arc::clone(&record)).await;
    let mut lab = lab.map_err(|error| failed(error.to_string()))?;
    let events = lab.events();
    changes::prepare(scenario, &events).await.map_err(|error| failed(error.to_string()))?;
    let at = |port| SocketAddr::new(server.ip(), port);
    let target = Target {
        websocket: at(lab.lab.ports.websocket.port(scenario.congestion)),
        webtransport: lab.lab.ports.webtransport.map(|ports| at(ports.port(scenario.congestion))),
        certificate_hashes: lab.info.certificate_hashes.clone(),
        lane: number,
    };
    let worked_before = process_time();
    let mut client = Client::new(plan, lane, record, lab.told());
    let started_at = client.clock.now();
    let ends_at = started_at + Duration::from_secs(scenario.seconds.into());
    let changing = changes::play(scenario, events, client.clock, started_at, ends_at);
    let watching = async {
        loop {
            if let Err(error) = lab.next().await {
                break error;
            }
        }
    };
    let ended = tokio::select! {
        ended = client.run(&target, ends_at) => ended,
        ended = watching => Err(ended.to_string()),
        ended = changing => Err(ended.to_string()),
    };
    ended.map_err(failed)?;
    let worked = process_time().zip(worked_before).map(|(after, before)| after.saturating_sub(before));
    lab.newer_than(ends_at).await.map_err(|error| failed(error.to_string()))?;
    let (mut up, mut down) = (lab.wire(Direction::Up), lab.wire(Direction::Down));
    let stack = match transport {
        Transport::WebSocket => "tcp",
        Transport::WebTransport => {
            client.count_lost();
            (up.resent_packets, down.resent_packets) = (client.lost.up, client.lost.down);
            "quic"
        }
    };
    let migration = plan
        .has_changes()
        .then(|| Migration { believed_resets: client.believed_resets, ..lab.migration(transport) });
    let spoofed = lab.spoofed();
    lab.close().await.map_err(|error| failed(error.to_string()))?;
    let welcomed_at = client.tally.welcomed_at;
    let outcome = Outcome {
        connected_after_ms: welcomed_at.map(|at| span_millis(at.since(started_at))),
        connected_secs: welcomed_at.map_or(0.0, |at| ends_at.since(at).as_secs_f64()),
        published: client.tally.settled() + client.unfinished(ends_at),
        congestion: format!("{stack} {}", scenario.congestion),
        encrypted: transport == Transport::WebTransport,
        cpu: worked,
        migration,
        spoof: scenario.spoof.filter(|_| transport == Transport::WebTransport).map(|_| spoofed),
        up,
        down,
    };
    Ok(LaneReport::new(lane, &client.tally, outcome))
}

/// A session, its consumer, and what it has seen.
struct Client<'a> {
    lane: &'a LaneSetup,
    clock: Clock,
    session: ClientSession,
    consumer: Consumer,
    tally: Tally,
    backoff: Backoff,
    connection: Option<Connection>,
    intakes: BTreeMap<u64, Intake>,
    outgoing: BytesMut,
    /// The server's newest account of its side.
    sample: Option<ServerSample>,
    record: Arc<Mutex<Record>>,
    /// Whether messages have arrived that are not on record.
    has_arrived: bool,
    told: watch::Receiver<Option<Time>>,
    /// When the last connection ended.
    lost_at: Time,
    /// Packets that the QUIC stacks have declared lost.
    lost: Lost,
    believed_resets: u64,
}

/// Packets declared lost, by who had sent them; `None` before anybody has told.
#[derive(Clone, Copy, Debug, Default)]
struct Lost {
    up: Option<u64>,
    down: Option<u64>,
}

impl<'a> Client<'a> {
    fn new(
        plan: &Plan,
        lane: &'a LaneSetup,
        record: Arc<Mutex<Record>>,
        told: watch::Receiver<Option<Time>>,
    ) -> Self {
        let scenario = plan.scenario();
        let profile = scenario.network.profile();
        let clock = Clock::start();
        let rtt = profile.up.propagation.delay + profile.down.propagation.delay;
        Self {
            lane,
            clock,
            session: ClientSession::new(plan.client_config(lane), clock.now()),
            consumer: Consumer::new(lane.consumer_delay),
            tally: Tally::new(profile.down.propagation.delay, rtt.max(SHORTEST_STALL)),
            backoff: Backoff::new(scenario.seed),
            connection: None,
            intakes: BTreeMap::new(),
            outgoing: BytesMut::new(),
            sample: None,
            record,
            has_arrived: false,
            told,
            lost_at: clock.now(),
            lost: Lost::default(),
            believed_resets: 0,
        }
    }

    /// Connects, and again when the connection fails, until `ends_at`.
    ///
    /// # Errors
    /// The server broke the protocol.
    async fn run(&mut self, target: &Target, ends_at: Time) -> Result<(), String> {
        while self.clock.now() < ends_at {
            let patience = PATIENCE.min(ends_at.since(self.clock.now()));
            match timeout(patience, Connection::open(target, self.lane.mode)).await {
                Ok(Ok(connection)) => {
                    self.connection = Some(connection);
                    self.intakes.clear();
                    self.note(Seen::Connected);
                    self.session.handle_connected(self.clock.now());
                    if self.drive(ends_at).await? {
                        return Ok(());
                    }
                }
                Ok(Err(problem)) => tracing::debug!(mode = %self.lane.mode, problem, "no connection"),
                Err(_) => tracing::debug!(mode = %self.lane.mode, "no connection in time"),
            }
            self.disconnect();
            let again_at = (self.clock.now() + self.backoff.next_delay()).min(ends_at);
            self.consume_until(again_at).await;
        }
        Ok(())
    }

    /// The connection is over, or none could be had.
    fn disconnect(&mut self) {
        self.note(Seen::Disconnected);
        self.lost_at = self.clock.now();
        self.count_lost();
        let quic = self.connection.take().and_then(|connection| connection.quic);
        let ending = quic.and_then(|quic| quic.close_reason());
        self.believed_resets += u64::from(ending == Some(quinn::ConnectionError::Reset));
        self.session.handle_disconnected();
    }

    /// Consumes what has arrived while there is no connection; ends when it is time to connect.
    async fn consume_until(&mut self, again_at: Time) {
        loop {
            self.consume();
            let now = self.clock.now();
            if now >= again_at {
                return;
            }
            let next = self.consumer.poll_timeout().map_or(again_at, |at| at.min(again_at));
            tokio::select! {
                () = sleep_until(self.clock.instant(next)) => {}
                changed_at = next_told(&mut self.told) => {
                    self.backoff.reset();
                    // A page that has a network again connects at once; one that has just lost it by that waits a little.
                    if self.lost_at < changed_at {
                        return;
                    }
                }
            }
        }
    }

    fn note(&self, seen: Seen) {
        self.record.lock().note(seen, self.clock.now());
    }

    /// Drives the session on its connection; whether it lasted until `ends_at`.
    async fn drive(&mut self, ends_at: Time) -> Result<bool, String> {
        loop {
            let now = self.clock.now();
            if now >= ends_at {
                return Ok(true);
            }
            if self.session.poll_timeout().is_some_and(|(due, _)| due <= now) {
                self.session.handle_timeout(now);
            }
            if self.take_events(now) {
                return Ok(false);
            }
            self.consume();
            self.transmit();
            let due = [self.session.poll_timeout().map(|(at, _)| at), self.consumer.poll_timeout()];
            let wake_at = due.into_iter().flatten().fold(ends_at, Time::min);
            let Some(connection) = &mut self.connection else { return Ok(false) };
            tokio::select! {
                biased;
                input = connection.next() => {
                    let Some(input) = input else { return Ok(false) };
                    self.take_inputs(input).map_err(|error| error.to_string())?;
                }
                _ = next_told(&mut self.told) => self.backoff.reset(),
                () = sleep_until(self.clock.instant(wake_at)) => {}
            }
        }
    }

    /// Takes in what has arrived, and what arrived with it.
    fn take_inputs(&mut self, first: Input) -> Result<(), ClientError> {
        let mut next = Some(first);
        for _ in 0..MOST_INPUTS {
            let Some(input) = next.take() else { return Ok(()) };
            self.take_input(input)?;
            next = self.connection.as_mut().and_then(Connection::try_next);
        }
        match next {
            Some(input) => self.take_input(input),
            None => Ok(()),
        }
    }

    fn take_input(&mut self, input: Input) -> Result<(), ClientError> {
        let now = self.clock.now();
        let before = self.session.inbox_hop(now).held.messages;
        let taken = match input {
            Input::Frame(frame) => self.session.handle_frame(frame, now),
            Input::Chunk { stream, bytes } => {
                let intake = self.intakes.entry(stream).or_default();
                self.session.handle_stream_bytes(intake, &bytes, now)
            }
            Input::End { stream } => {
                self.intakes.remove(&stream);
                Ok(())
            }
            Input::Datagram(datagram) => self.session.handle_datagram(datagram, now),
        };
        self.has_arrived |= self.session.inbox_hop(now).held.messages > before;
        taken
    }

    /// Whether the connection should be given up.
    fn take_events(&mut self, now: Time) -> bool {
        let mut is_over = false;
        while let Some(event) = self.session.poll_event() {
            self.tally.note(&event, now);
            match event {
                ClientEvent::Silent | ClientEvent::Goodbye(_) => is_over = true,
                ClientEvent::Welcome(_) => {
                    self.backoff.reset();
                    self.note(Seen::Welcome);
                }
                ClientEvent::StartedOver { .. } => self.note(Seen::StartedOver),
                ClientEvent::Sample(sample) => self.sample = Some(sample),
                ClientEvent::Subscribed(_)
                | ClientEvent::Gap { .. }
                | ClientEvent::Lost { .. }
                | ClientEvent::Ping
                | ClientEvent::Heartbeat { .. }
                | ClientEvent::Missed
                | ClientEvent::Echo(_)
                | ClientEvent::Certificate(_) => {}
            }
        }
        // What came together with a Welcome came after it.
        if std::mem::take(&mut self.has_arrived) {
            self.record.lock().note(Seen::Arrival, now);
        }
        is_over
    }

    fn consume(&mut self) {
        let now = self.clock.now();
        while let Some((message, at)) = self.consumer.poll_consumed(&mut self.session, now) {
            let age = at.since(message.header.produced_at);
            self.tally.note_consumed(&message, age, at);
        }
    }

    fn transmit(&mut self) {
        let Some(connection) = &self.connection else { return };
        while connection.is_writable() {
            while self.outgoing.len() < MOST_AT_ONCE
                && let Some(item) = self.session.poll_transmit()
            {
                write_client_item(&mut self.outgoing, &item);
            }
            if self.outgoing.is_empty() {
                return;
            }
            if !connection.try_send(self.outgoing.split().freeze()) {
                return;
            }
        }
    }

    /// Messages that are known to be on their way: in the hub's log, the policy's queue, the transport and the inbox.
    fn unfinished(&self, now: Time) -> u64 {
        let at_server =
            self.sample.map_or(0, |sample| sample.backlog.held.messages + sample.policy_queue.held.messages);
        let in_hand = u64::from(self.consumer.poll_timeout().is_some());
        at_server
            + self.session.transit_hop().held.messages
            + self.session.inbox_hop(now).held.messages
            + in_hand
    }

    /// Adds what this connection's ends have declared lost.
    fn count_lost(&mut self) {
        let quic = self.connection.as_ref().and_then(|connection| connection.quic.as_ref());
        let up = quic.map(|quic| quic.stats().path.lost_packets);
        // Another connection begins to count anew.
        let down = self.sample.as_mut().and_then(|sample| sample.path.lost_packets.take());
        let add = |all: Option<u64>, one: Option<u64>| match (all, one) {
            (Some(all), Some(one)) => Some(all + one),
            (known, None) | (None, known) => known,
        };
        self.lost = Lost { up: add(self.lost.up, up), down: add(self.lost.down, down) };
    }
}

/// The next change of networks that the client's machine notices.
async fn next_told(told: &mut watch::Receiver<Option<Time>>) -> Time {
    loop {
        // Without a lab nobody tells anything any more.
        if told.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        if let Some(at) = *told.borrow_and_update() {
            return at;
        }
    }
}
