//! Inputs and outputs of the connection state machine.
//! The driver calls the `handle_*` methods and drains the `poll_*` methods; the parent module states the
//! contract.

use core::time::Duration;
use std::collections::VecDeque;

use sluice_shared::mode::Mode;
use sluice_shared::time::Time;
use sluice_shared::wire::{CloseCode, Goodbye};

use super::close_reason::CloseReason;
use super::race::{RacePurpose, TransportRace};
use super::state::ConnectionState;
use super::{Action, ConnectionId, ConnectionNotice, ConnectionSettings};
use crate::labels::sentence;
use sluice_bridge::{
    Connection, ConnectionEventKind, Endpoints, Level, Recovery, TransportOpenTimes, Upkeep,
};

/// Connection attempt in progress.
#[derive(Debug)]
pub(super) struct ConnectionAttempt {
    pub(super) id: ConnectionId,
    pub(super) mode: Mode,
    /// Time at which opening of its transport began; `None` while the server is probed.
    pub(super) opening_since: Option<Time>,
}

/// Connection that carries the session.
#[derive(Debug)]
pub(super) struct CurrentConnection {
    pub(super) id: ConnectionId,
    pub(super) mode: Mode,
    /// Time of the peer's last activity, as reported by the session.
    pub(super) heard_at: Time,
    /// Send time of the oldest heartbeat since which nothing was received; `None` without one.
    pub(super) unanswered_since: Option<Time>,
    /// Server's announcement that it is about to close.
    pub(super) goodbye: Option<Goodbye>,
}

/// Connection state machine of a lane: decides when to try which transport, when to give up, and which one is
/// used.
#[derive(Debug)]
pub(crate) struct ConnectionMachine {
    /// `None` while the lane should not be connected.
    pub(super) settings: Option<ConnectionSettings>,
    pub(super) state: ConnectionState,
    pub(super) race: TransportRace,
    pub(super) attempts: Vec<ConnectionAttempt>,
    pub(super) current: Option<CurrentConnection>,
    pub(super) newest_id: u64,
    pub(super) rtt: Option<Duration>,
    /// Time of the last activity on any connection since the lane was opened.
    pub(super) heard_at: Time,
    /// Reason of the last failed attempt, so that a repeated one is logged once.
    pub(super) noted_reason: Option<String>,
    pub(super) actions: VecDeque<Action>,
    pub(super) events: VecDeque<ConnectionNotice>,
}

impl ConnectionMachine {
    /// Creates an idle machine. `seed` determines its backoff.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            settings: None,
            state: ConnectionState::new(seed),
            race: TransportRace::new(Mode::WebSocket, false),
            attempts: Vec::new(),
            current: None,
            newest_id: 0,
            rtt: None,
            heard_at: Time::ZERO,
            noted_reason: None,
            actions: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Connects, and keeps the lane connected until [`ConnectionMachine::handle_close`].
    pub(crate) fn handle_open(&mut self, settings: ConnectionSettings, now: Time) {
        self.handle_close(now);
        (self.noted_reason, self.rtt, self.heard_at) = (None, None, now);
        self.state.handle_opened();
        self.race = TransportRace::new(settings.mode, settings.upkeep.falls_back);
        self.settings = Some(settings);
        self.connect(now);
    }

    /// Closes every connection permanently.
    pub(crate) fn handle_close(&mut self, now: Time) {
        self.drop_attempts(now);
        self.race.cancel();
        self.drop_current(CloseCode::Normal, "The page has closed the lane.");
        if self.settings.take().is_some() {
            self.record(ConnectionEventKind::Closed);
        }
        self.state.handle_closed();
    }

    /// Retries at once, because the browser reports that the network is back.
    pub(crate) fn handle_online(&mut self, now: Time) {
        self.record(ConnectionEventKind::Online);
        self.state.handle_online(now);
        self.race.handle_online(now);
        self.handle_timeout(now);
    }

    /// Changes the endpoints. An open connection stays if only the certificates differ, and otherwise
    /// reconnects; an attempt in progress restarts.
    pub(crate) fn handle_endpoints(&mut self, endpoints: Endpoints, now: Time) {
        let Some(settings) = &mut self.settings else { return };
        if settings.endpoints == endpoints {
            return;
        }
        let mode = settings.mode;
        let is_elsewhere = settings.endpoints.url(mode) != endpoints.url(mode);
        settings.endpoints = endpoints;
        if is_elsewhere {
            // Failures on the path to the previous address say nothing about this one.
            self.state.handle_moved();
            self.race = TransportRace::new(mode, self.race.falls_back());
        }
        match self.state.connection() {
            Connection::Connecting { .. } | Connection::Waiting { .. } => self.reconnect("", now),
            Connection::Open { .. } if is_elsewhere => {
                self.reconnect("The lane connects to another address.", now);
            }
            Connection::Idle | Connection::Open { .. } | Connection::Failed { .. } => {}
        }
    }

    /// Changes heartbeat, recovery and fallback. A lane on its fallback reconnects over its own transport if
    /// it may no longer fall back.
    pub(crate) fn handle_upkeep(&mut self, upkeep: Upkeep, now: Time) {
        let Some(settings) = &mut self.settings else { return };
        settings.upkeep = upkeep;
        if upkeep.falls_back == self.race.falls_back() {
            return;
        }
        let preferred = settings.mode.transport();
        self.race.set_falls_back(upkeep.falls_back);
        match self.state.connection() {
            Connection::Open { mode, .. } if mode.transport() != preferred => {
                self.reconnect("The lane returns to its own transport.", now);
            }
            Connection::Connecting { .. } | Connection::Waiting { .. } => self.reconnect("", now),
            Connection::Idle | Connection::Open { .. } | Connection::Failed { .. } => {}
        }
    }

    /// Handles the result of a probe: opens the transport if the server answered.
    pub(crate) fn handle_probed(&mut self, id: ConnectionId, answers: bool, now: Time) {
        if answers {
            self.open_transport(id, now);
        } else {
            self.handle_attempt_failed(id, &CloseReason::Unreachable, now);
        }
    }

    /// Handles an opened transport, which takes the session over from the current connection, if there is
    /// one.
    pub(crate) fn handle_transport_opened(&mut self, id: ConnectionId, now: Time) {
        let Some(at) = self.attempts.iter().position(|attempt| attempt.id == id) else { return };
        let Some(starts_over) =
            self.settings.as_ref().map(|settings| settings.upkeep.recovery == Recovery::StartOver)
        else {
            return;
        };
        let mode = self.attempts.swap_remove(at).mode;
        let began = self.race.handle_won(mode, now);
        self.drop_attempts(now);
        self.drop_current(CloseCode::Normal, "The lane has opened another connection.");
        self.current =
            Some(CurrentConnection { id, mode, heard_at: now, unanswered_since: None, goodbye: None });
        self.state.handle_under_way(began, now);
        self.events.push_back(ConnectionNotice::Opened(mode.transport()));
        self.actions.push_back(Action::Attach { id, mode, starts_over });
    }

    /// Handles a transport that the browser cannot open at all, for `reason`.
    pub(crate) fn handle_transport_unavailable(&mut self, id: ConnectionId, reason: String, now: Time) {
        if self.race.falls_back() {
            self.handle_attempt_failed(id, &CloseReason::Broken(reason), now);
        } else if self.attempts.iter().any(|attempt| attempt.id == id) {
            self.attempts.retain(|attempt| attempt.id != id);
            self.give_up(CloseCode::Normal, &reason, now);
        }
    }

    /// Handles a transport that has closed or failed to open.
    pub(crate) fn handle_transport_closed(
        &mut self,
        id: ConnectionId,
        code: Option<u32>,
        reason: String,
        now: Time,
    ) {
        let code = code.and_then(CloseCode::from_number);
        if let Some(current) = self.current.take_if(|current| current.id == id) {
            self.heard_at = current.heard_at;
            self.handle_current_closed(current.goodbye, code, reason, now);
        } else {
            let end = CloseReason::of_close(code, reason, false);
            let end = if self.is_handshake_timeout(id, &end, now) { CloseReason::TimedOut } else { end };
            self.handle_attempt_failed(id, &end, now);
        }
    }

    fn handle_current_closed(
        &mut self,
        goodbye: Option<Goodbye>,
        code: Option<CloseCode>,
        reason: String,
        now: Time,
    ) {
        let end = match (goodbye, code) {
            (Some(Goodbye { reason, .. }), _) => CloseReason::PeerClosed(reason),
            (None, Some(CloseCode::Unsupported | CloseCode::TakenOver | CloseCode::ExhibitOver)) => {
                return self.give_up(CloseCode::Normal, &reason, now);
            }
            // A deliberately slow client may never read the server's goodbye.
            (None, None) if self.state.is_open() && self.is_exhibit() => {
                let reason = "The connection is over before the server could say how the exhibit went";
                return self.give_up(CloseCode::Normal, reason, now);
            }
            (None, code) => CloseReason::of_close(code, reason, self.state.is_open()),
        };
        self.end(&end, CloseCode::Normal, now);
    }

    fn is_exhibit(&self) -> bool {
        self.settings.as_ref().is_some_and(|settings| settings.is_exhibit)
    }

    /// Records the session's view of the current connection: the peer's last activity, and the send time of
    /// the oldest unanswered heartbeat.
    pub(crate) fn handle_activity(&mut self, heard_at: Time, unanswered_since: Option<Time>, now: Time) {
        let Some(current) = &mut self.current else { return };
        (current.heard_at, current.unanswered_since) = (heard_at, unanswered_since);
        self.heard_at = heard_at;
        if unanswered_since.is_none() && self.race.purpose() == Some(RacePurpose::Rescue) {
            self.race.cancel();
            self.drop_attempts(now);
            self.events.push_back(ConnectionNotice::Recovered);
        }
    }

    /// Records the smallest recent round trip; `None` if it is no longer known.
    pub(crate) const fn handle_rtt(&mut self, rtt: Option<Duration>) {
        self.rtt = rtt;
    }

    /// Handles the server's Welcome. Returns whether the lane had been ready before.
    pub(crate) fn handle_welcome(&mut self, now: Time) -> bool {
        let Some(current) = &self.current else { return false };
        self.noted_reason = None;
        self.state.handle_ready(current.mode, now)
    }

    /// Handles the server's goodbye: it is about to close, or the lane must not reconnect.
    pub(crate) fn handle_goodbye(&mut self, goodbye: Goodbye, now: Time) {
        match goodbye.code {
            CloseCode::Unsupported | CloseCode::TakenOver | CloseCode::ExhibitOver => {
                self.give_up(CloseCode::Normal, &goodbye.reason, now);
            }
            CloseCode::Normal
            | CloseCode::GoingAway
            | CloseCode::Protocol
            | CloseCode::TooLarge
            | CloseCode::Overloaded
            | CloseCode::Unresponsive
            | CloseCode::Internal
            | CloseCode::InvalidText => {
                if let Some(current) = &mut self.current {
                    current.goodbye = Some(goodbye);
                }
            }
        }
    }

    /// Ends the connection, because the server has not responded within the heartbeat's timeout.
    pub(crate) fn handle_unresponsive(&mut self, now: Time) {
        let Some(settings) = &self.settings else { return };
        let timeout = settings.upkeep.heartbeat.within_range().timeout;
        self.end(&CloseReason::Unresponsive(timeout), CloseCode::Unresponsive, now);
    }

    /// Ends the connection after a protocol violation by the server, described by `error`. The lane
    /// reconnects.
    pub(crate) fn handle_protocol_error(&mut self, error: &str, now: Time) {
        let reason = sentence(&format!("The server broke the protocol: {error}"));
        self.events.push_back(ConnectionNotice::Note(Level::Error, reason.clone()));
        self.noted_reason = Some(reason.clone());
        self.end(&CloseReason::PeerClosed(reason), CloseCode::Protocol, now);
    }

    /// Ends the connection permanently, for a `reason` that reconnecting would not remove.
    pub(crate) fn handle_hopeless(&mut self, code: CloseCode, reason: &str, now: Time) {
        self.give_up(code, reason, now);
    }

    /// Performs what is due: ends an attempt, begins the next one, or begins or ends a race.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        if self.state.poll_timeout().is_some_and(|due| due <= now) {
            match self.state.connection() {
                Connection::Connecting { .. } => {
                    self.end(&CloseReason::TimedOut, CloseCode::Unresponsive, now)
                }
                Connection::Waiting { .. } => self.connect(now),
                Connection::Idle | Connection::Open { .. } | Connection::Failed { .. } => {}
            }
        }
        if self.race.is_overdue(now) {
            self.drop_attempts(now);
        }
        if self.rescue_at().is_some_and(|at| at <= now) {
            self.events.push_back(ConnectionNotice::Lost {
                kind: ConnectionEventKind::Missed,
                heard_at: self.heard_at,
            });
            let note = "The server is silent: other transports are tried.".to_owned();
            self.events.push_back(ConnectionNotice::Note(Level::Warning, note));
            self.begin_race(RacePurpose::Rescue, now);
        }
        if self.return_at().is_some_and(|at| at <= now) {
            self.begin_race(RacePurpose::Return, now);
        }
        self.start_attempts(now);
    }

    /// Returns the next action for the driver.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Returns the next notice for the timeline or the log.
    pub(crate) fn poll_event(&mut self) -> Option<ConnectionNotice> {
        self.events.pop_front()
    }

    /// Returns the latest time to call [`ConnectionMachine::handle_timeout`], and its purpose.
    pub(crate) fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        let purpose = match self.state.connection() {
            Connection::Connecting { .. } => "end of an attempt",
            Connection::Waiting { .. } => "next attempt",
            Connection::Idle | Connection::Open { .. } | Connection::Failed { .. } => "nothing",
        };
        [
            self.state.poll_timeout().map(|at| (at, purpose)),
            self.race.poll_timeout(),
            self.rescue_at().map(|at| (at, "silent connection")),
            self.return_at().map(|at| (at, "return to WebTransport")),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    /// Returns the state of the lane's connection.
    pub(crate) const fn connection(&self) -> &Connection {
        self.state.connection()
    }

    /// Returns how long each transport took to open in the last race; `None` if the lane does not race.
    pub(crate) fn transport_open_times(&self) -> Option<TransportOpenTimes> {
        self.race.transport_open_times()
    }

    /// Returns the connection that carries the session.
    pub(crate) fn current_id(&self) -> Option<ConnectionId> {
        self.current.as_ref().map(|current| current.id)
    }

    /// True if events of this connection are still relevant.
    pub(crate) fn follows(&self, id: ConnectionId) -> bool {
        self.current_id() == Some(id) || self.attempts.iter().any(|attempt| attempt.id == id)
    }
}
