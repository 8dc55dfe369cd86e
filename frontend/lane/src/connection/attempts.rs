//! Connection attempts, races and losses of the connection state machine.
//! Called by the input handlers in `machine`. Nothing here performs IO: actions and notices are queued for
//! the driver.

use core::time::Duration;
use std::borrow::Cow;

use sluice_shared::mode::{Mode, Transport};
use sluice_shared::time::Time;
use sluice_shared::wire::CloseCode;

use super::close_reason::CloseReason;
use super::machine::{ConnectionAttempt, ConnectionMachine, CurrentConnection};
use super::race::RacePurpose;
use super::{Action, ConnectionId, ConnectionNotice};
use crate::labels::sentence;
use sluice_bridge::{Connection, ConnectionEventKind, Level};

impl ConnectionMachine {
    /// Minimum duration of a failed QUIC handshake that counts as unanswered: Chromium gives up after 10 s,
    /// while a refusal takes one round trip.
    const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(8);

    /// Returns when the open connection is presumed lost, although it may be alive, and others are tried
    /// beside it.
    pub(super) fn rescue_at(&self) -> Option<Time> {
        let current = self.current.as_ref().filter(|_| self.state.is_open())?;
        let since =
            current.unanswered_since.filter(|_| current.mode.transport() == Transport::WebTransport)?;
        self.race.rescue_at(since)
    }

    /// Returns when a lane that is open on its fallback retries its own transport.
    pub(super) fn return_at(&self) -> Option<Time> {
        self.race.return_at().filter(|_| self.state.is_open())
    }

    pub(super) fn connect(&mut self, now: Time) {
        let Some(settings) = &self.settings else { return };
        self.state.handle_try(settings.mode, self.race.falls_back(), self.rtt, now);
        self.begin_race(RacePurpose::Connect, now);
    }

    pub(super) fn reconnect(&mut self, reason: &'static str, now: Time) {
        self.drop_current(CloseCode::Normal, reason);
        self.connect(now);
    }

    pub(super) fn begin_race(&mut self, purpose: RacePurpose, now: Time) {
        self.drop_attempts(now);
        self.race.begin(purpose, self.rtt, now);
        self.start_attempts(now);
    }

    pub(super) fn start_attempts(&mut self, now: Time) {
        while let Some(mode) = self.race.poll_start(now) {
            self.newest_id += 1;
            let id = ConnectionId(self.newest_id);
            self.record(ConnectionEventKind::Connecting(mode.transport()));
            self.attempts.push(ConnectionAttempt { id, mode, opening_since: None });
            if self.state.wants_probe(mode) {
                self.actions.push_back(Action::Probe { id });
            } else {
                self.open_transport(id, now);
            }
        }
    }

    pub(super) fn open_transport(&mut self, id: ConnectionId, now: Time) {
        let Some(settings) = &self.settings else { return };
        let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.id == id) else { return };
        attempt.opening_since = Some(now);
        let endpoints = settings.endpoints.clone();
        self.actions.push_back(Action::Open { id, mode: attempt.mode, endpoints });
    }

    /// True if the attempt ended by the browser's own handshake timeout, that is, without any response. The
    /// error itself is the same as for a refusal. Only first attempts count, since the browser may delay
    /// later ones before they begin.
    pub(super) fn is_handshake_timeout(&self, id: ConnectionId, end: &CloseReason, now: Time) -> bool {
        let attempt = self.attempts.iter().find(|attempt| attempt.id == id);
        attempt.is_some_and(|attempt| {
            matches!(end, CloseReason::Broken(_))
                && attempt.mode.transport() == Transport::WebTransport
                && !self.state.wants_probe(attempt.mode)
                && attempt.opening_since.is_some_and(|since| now.since(since) >= Self::HANDSHAKE_TIMEOUT)
        })
    }

    /// Handles an attempt that ended before its transport opened.
    pub(super) fn handle_attempt_failed(&mut self, id: ConnectionId, end: &CloseReason, now: Time) {
        let Some(at) = self.attempts.iter().position(|attempt| attempt.id == id) else { return };
        let mode = self.attempts.swap_remove(at).mode;
        self.race.handle_out(mode, *end != CloseReason::Unreachable, now);
        self.start_attempts(now);
        if !self.race.is_decided() {
            return;
        }
        self.race.handle_given_up(now);
        if matches!(self.state.connection(), Connection::Connecting { .. }) {
            self.wait(end, mode, now);
        }
    }

    /// Ends the connection, or all attempts. A race in progress continues; otherwise another attempt is
    /// scheduled.
    pub(super) fn end(&mut self, end: &CloseReason, code: CloseCode, now: Time) {
        let Some(settings) = &self.settings else { return };
        let mode = settings.mode;
        if self.state.is_open() {
            let kind = if matches!(end, CloseReason::Unresponsive(_)) {
                ConnectionEventKind::Dead
            } else {
                ConnectionEventKind::Lost
            };
            self.events.push_back(ConnectionNotice::Lost { kind, heard_at: self.heard_at });
        }
        self.drop_current(code, "");
        if let Some(began) = self.race.handle_nothing_to_rescue() {
            return self.state.handle_under_way(began, now);
        }
        self.drop_attempts(now);
        self.wait(end, mode, now);
    }

    /// Schedules the next attempt.
    fn wait(&mut self, end: &CloseReason, mode: Mode, now: Time) {
        let Some(settings) = &self.settings else { return };
        self.race.cancel();
        self.state.handle_end(end, mode, self.race.falls_back(), &settings.endpoints, now);
        let Connection::Waiting { reason, retry_at } = self.state.connection() else { return };
        let (reason, until) = (reason.clone(), *retry_at);
        self.record(ConnectionEventKind::Backoff { until });
        if self.noted_reason.as_ref() != Some(&reason) {
            self.events.push_back(ConnectionNotice::Note(Level::Warning, reason.clone()));
            self.noted_reason = Some(reason);
        }
    }

    pub(super) fn give_up(&mut self, code: CloseCode, reason: &str, now: Time) {
        self.drop_attempts(now);
        self.race.cancel();
        self.drop_current(code, reason.to_owned());
        let reason = sentence(reason);
        self.events.push_back(ConnectionNotice::Note(Level::Error, reason.clone()));
        self.record(ConnectionEventKind::Closed);
        self.state.handle_hopeless(reason);
    }

    pub(super) fn drop_current(&mut self, code: CloseCode, reason: impl Into<Cow<'static, str>>) {
        if let Some(CurrentConnection { id, .. }) = self.current.take() {
            self.actions.push_back(Action::Close { id, code, reason: reason.into() });
        }
        self.actions.push_back(Action::Detach);
    }

    /// Ends all attempts and the race.
    pub(super) fn drop_attempts(&mut self, now: Time) {
        self.race.handle_given_up(now);
        for ConnectionAttempt { id, opening_since, .. } in self.attempts.drain(..) {
            if opening_since.is_some() {
                self.actions.push_back(Action::Close {
                    id,
                    code: CloseCode::Normal,
                    reason: Cow::Borrowed(""),
                });
            }
        }
    }

    pub(super) fn record(&mut self, kind: ConnectionEventKind) {
        self.events.push_back(ConnectionNotice::Timeline(kind));
    }
}
