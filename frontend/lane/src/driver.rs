//! Event loop of a lane: handles each input, then carries out everything that follows from it.
//!
//! The [`ConnectionMachine`] decides on connections, the session on messages. The driver performs the IO on a
//! [`Platform`] and records what happened. The platform calls it for each transport event, page command,
//! timer and macrotask.

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::BytesMut;
use sluice_shared::session::ClientError;
use sluice_shared::time::Time;
use sluice_shared::wire::codec::write_client_item;

use super::active_lane::ActiveLane;
use super::connection::{Action, ConnectionId, ConnectionMachine, ConnectionNotice, ConnectionSettings};
use super::flood_client::FloodClient;
use super::model::LaneStats;
use super::platform::{Platform, TransportHandle};
use super::report::report;
use super::transport::{Event, TransportUnavailable};
use sluice_bridge::{Command, Report};

/// Lane with all its state.
pub(crate) struct Lane<P: Platform> {
    pub(super) platform: P,
    pub(super) machine: ConnectionMachine,
    /// Connections that are open or being opened.
    transports: BTreeMap<ConnectionId, P::Transport>,
    pub(super) active: Option<ActiveLane>,
    pub(super) stats: LaneStats,
    outgoing: BytesMut,
}

impl<P: Platform> Lane<P> {
    /// Polling interval while the connection is not writable; WebSocket has no event for it.
    const LOOK_AGAIN: Duration = Duration::from_millis(50);
    /// Size at which a write takes no further items, bytes; a larger item is written alone.
    const MOST_AT_ONCE: usize = 4 * 1024;

    /// Creates an idle lane. `seed` determines the waits between its attempts.
    pub(crate) fn new(seed: u64, platform: P) -> Self {
        Self {
            platform,
            machine: ConnectionMachine::new(seed),
            transports: BTreeMap::new(),
            active: None,
            stats: LaneStats::new(),
            outgoing: BytesMut::new(),
        }
    }

    /// Executes a command of the page. Returns a report if the page requested one.
    pub(crate) fn handle_command(&mut self, command: Command) -> Option<Report> {
        if command == Command::Report {
            let now = self.platform.now();
            self.flood_on(now);
            return Some(report(self.active.as_mut(), &self.machine, &mut self.stats, now));
        }
        self.handle(|lane, now| lane.apply(command, now));
        None
    }

    fn apply(&mut self, command: Command, now: Time) {
        match (command, &mut self.active) {
            (Command::Open(setup), _) => {
                self.close(now);
                self.stats.clear();
                let settings = ConnectionSettings {
                    mode: setup.mode,
                    endpoints: setup.endpoints.clone(),
                    upkeep: setup.upkeep,
                    is_exhibit: setup.policy.is_exhibit(),
                };
                self.active = Some(ActiveLane::new(setup, now));
                self.machine.handle_open(settings, now);
            }
            (Command::Close, _) => self.close(now),
            (Command::Online, _) => self.machine.handle_online(now),
            (Command::SetUpkeep(upkeep), active) => {
                if let Some(active) = active {
                    active.session.set_heartbeat(upkeep.heartbeat, now);
                }
                self.machine.handle_upkeep(upkeep, now);
            }
            (Command::SetEndpoints(endpoints), _) => self.machine.handle_endpoints(endpoints, now),
            (Command::Reset, active) => {
                self.stats.clear();
                if let Some(active) = active {
                    active.duplicates_before = active.session.duplicates();
                    active.duplicates_before_epoch = active.session.duplicates();
                }
            }
            (Command::BeginEpoch { number, since }, active) => {
                self.stats.begin_epoch(number, since);
                if let Some(active) = active {
                    active.duplicates_before_epoch = active.session.duplicates();
                }
            }
            (Command::Certify, Some(active)) => {
                active.session.certify();
            }
            (Command::SetConsumer(consumer), Some(active)) => active.consumer.set(consumer),
            (Command::SetPolicy(policy), Some(active)) => active.session.set_policy(policy),
            (Command::SetWindow(window), Some(active)) => active.session.set_window(window.into()),
            (Command::SetFeeds(feeds), Some(active)) => active.session.set_feeds(feeds),
            (Command::SetFragments(bytes), Some(active)) => active.session.set_fragments(bytes),
            (Command::Flood { style, bytes }, Some(active)) => active.flood_client.begin(style, bytes),
            (Command::StopFlood, Some(active)) => active.flood_client.stop(),
            (
                Command::SetConsumer(_)
                | Command::SetPolicy(_)
                | Command::SetWindow(_)
                | Command::SetFeeds(_)
                | Command::SetFragments(_)
                | Command::Certify
                | Command::Flood { .. }
                | Command::StopFlood
                | Command::Report,
                _,
            ) => {}
        }
    }

    fn close(&mut self, now: Time) {
        self.machine.handle_close(now);
        self.run_actions(now);
        self.active = None;
    }

    /// Handles an event of a connection. Returns whether further events of it are wanted.
    pub(crate) fn handle_transport_event(&mut self, id: ConnectionId, event: Event<'_>) -> bool {
        if self.machine.follows(id) {
            self.handle(|lane, now| lane.take_in(id, event, now));
        }
        self.machine.follows(id)
    }

    fn take_in(&mut self, id: ConnectionId, event: Event<'_>, now: Time) {
        match event {
            Event::Probed { answers } => self.machine.handle_probed(id, answers, now),
            Event::Opened => self.machine.handle_transport_opened(id, now),
            Event::Writable => {}
            Event::Closed { code, reason } => {
                drop(self.transports.remove(&id));
                self.machine.handle_transport_closed(id, code, reason, now);
            }
            Event::Frame(_) | Event::Stream { .. } | Event::Datagram(_) | Event::Echo(_) => {
                if self.machine.current_id() == Some(id) {
                    let result = self.receive(event, now);
                    self.report_activity(now);
                    if let Err(error) = result {
                        self.handle_violation(&error, now);
                    }
                }
            }
        }
    }

    fn receive(&mut self, event: Event<'_>, now: Time) -> Result<(), ClientError> {
        let Some(active) = &mut self.active else { return Ok(()) };
        match event {
            Event::Frame(frame) => active.session.handle_frame(frame, now),
            Event::Stream { intake, chunk } => active.session.handle_stream_bytes(intake, chunk, now),
            Event::Datagram(datagram) => active.session.handle_datagram(datagram, now),
            Event::Echo(bytes) => {
                active.session.handle_progress(now);
                active.flood_client.handle_echo(bytes, now);
                Ok(())
            }
            Event::Probed { .. } | Event::Opened | Event::Writable | Event::Closed { .. } => Ok(()),
        }
    }

    /// Handles the timer: performs what is due.
    pub(crate) fn handle_timer(&mut self) {
        self.handle(|lane, now| {
            lane.machine.handle_timeout(now);
            lane.run_actions(now);
            if let Some(active) = &mut lane.active
                && active.session.poll_timeout().is_some_and(|(due, _)| due <= now)
            {
                active.session.handle_timeout(now);
            }
        });
    }

    /// Runs a computing consumer for one time slice.
    pub(crate) fn handle_macrotask(&mut self) {
        self.handle(|lane, now| {
            if let Some(active) = &mut lane.active {
                active.compute(&mut lane.stats, &lane.platform, now);
            }
        });
    }

    /// Runs an input with everything that follows from it, and records the time taken.
    fn handle(&mut self, input: impl FnOnce(&mut Self, Time)) {
        let began = self.platform.now();
        input(self, began);
        self.run_actions(began);
        self.handle_events(began);
        if let Some(active) = &mut self.active {
            active.run_consumer(&mut self.stats, &self.platform, began);
            self.transmit();
            self.flood_on(began);
        }
        self.handle_naively();
        self.report_activity(began);
        self.run_due(began);
        let ended = self.platform.now();
        self.stats.record_busy(ended.since(began), ended);
        self.arm(ended);
    }

    /// Performs what the input has made due, such as the race after a loss, without waiting for the timer,
    /// which is up to a second late in a background tab.
    fn run_due(&mut self, now: Time) {
        self.run_actions(now);
        if self.machine.poll_timeout().is_some_and(|(due, _)| due <= now) {
            self.machine.handle_timeout(now);
            self.run_actions(now);
        }
    }

    /// Reports the session's last activity to the connection machine.
    fn report_activity(&mut self, now: Time) {
        if let Some(active) = &self.active {
            let session = &active.session;
            self.machine.handle_activity(session.heard_at(), session.unanswered_since(), now);
        }
    }

    /// Executes the decisions of the connection machine until none is left.
    pub(super) fn run_actions(&mut self, now: Time) {
        loop {
            while let Some(event) = self.machine.poll_event() {
                self.record(event, now);
            }
            let Some(action) = self.machine.poll_action() else { return };
            self.run_action(action, now);
        }
    }

    fn run_action(&mut self, action: Action, now: Time) {
        match action {
            Action::Probe { id } => self.platform.probe(id),
            Action::Open { id, mode, endpoints } => match self.platform.open(id, mode, &endpoints) {
                Ok(transport) => {
                    self.transports.insert(id, transport);
                }
                Err(TransportUnavailable(reason)) => {
                    self.machine.handle_transport_unavailable(id, reason, now)
                }
            },
            Action::Close { id, code, reason } => {
                if let Some(transport) = self.transports.remove(&id) {
                    transport.close(code, &reason);
                }
            }
            Action::Attach { mode, starts_over, .. } => {
                let Some(active) = &mut self.active else { return };
                if starts_over {
                    active.session.start_over();
                }
                active.session.set_mode(mode);
                active.session.handle_connected(now);
                // The first heartbeat is due at once, so it is sent with the Hello.
                active.session.handle_timeout(now);
            }
            Action::Detach => {
                if let Some(active) = &mut self.active {
                    active.handle_disconnected();
                }
            }
        }
    }

    fn record(&mut self, event: ConnectionNotice, now: Time) {
        match event {
            ConnectionNotice::Timeline(kind) => self.stats.timeline.push(kind, now),
            ConnectionNotice::Opened(transport) => self.stats.timeline.handle_open(transport, now),
            ConnectionNotice::Lost { kind, heard_at } => self.stats.timeline.handle_lost(kind, heard_at, now),
            ConnectionNotice::Recovered => self.stats.timeline.handle_alive(),
            ConnectionNotice::Note(level, text) => self.stats.notes.push(level, text, now),
        }
    }

    /// Sends what is due. While the connection is not writable, it waits in the session, where only the
    /// newest grant counts.
    fn transmit(&mut self) {
        let current = self.machine.current_id().and_then(|id| self.transports.get(&id));
        let (Some(active), Some(transport)) = (&mut self.active, current) else { return };
        while transport.is_writable() {
            self.outgoing.clear();
            while self.outgoing.len() < Self::MOST_AT_ONCE
                && let Some(item) = active.session.poll_transmit()
            {
                write_client_item(&mut self.outgoing, &item);
            }
            if self.outgoing.is_empty() {
                break;
            }
            transport.send(&self.outgoing);
        }
    }

    /// Hands over the blocks of a flood. Draining of the browser's buffer counts as activity, since an answer
    /// may be stuck behind what was sent before it.
    fn flood_on(&mut self, now: Time) {
        let current = self.machine.current_id().and_then(|id| self.transports.get(&id));
        let (Some(active), Some(transport)) = (&mut self.active, current) else { return };
        if !active.flood_client.is_flooding() {
            return;
        }
        if active.flood_client.has_blocks() && transport.can_flood() {
            while let Some(block) = active.flood_client.next_block(transport.has_flood_room(), now) {
                transport.flood(block);
            }
        }
        if !active.flood_client.has_blocks() {
            transport.end_flood();
        }
        if active.flood_client.look(transport.flood_level()) {
            active.session.handle_progress(now);
        }
    }

    fn arm(&mut self, now: Time) {
        let active = self.active.as_ref();
        let current = self.machine.current_id().and_then(|id| self.transports.get(&id));
        let is_stuck = current.is_some_and(|transport| !transport.is_writable());
        let deadlines = [
            self.machine.poll_timeout().map(|(at, _)| at),
            active.and_then(|active| active.session.poll_timeout()).map(|(at, _)| at),
            active.and_then(|active| active.consumer.poll_timeout()),
            is_stuck.then(|| now + Self::LOOK_AGAIN),
            active
                .is_some_and(|active| active.flood_client.is_waiting())
                .then(|| now + FloodClient::LOOK_AGAIN),
        ];
        self.platform.arm_timer(deadlines.into_iter().flatten().min(), now);
        if active.is_some_and(|active| active.consumer.wants_to_compute()) {
            self.platform.request_macrotask();
        }
    }
}
