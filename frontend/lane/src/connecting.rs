//! How a lane's connection begins and ends.

use std::rc::Rc;

use sluice_shared::mode::{Mode, Transport};
use sluice_shared::session::Heartbeat;
use sluice_shared::time::Time;
use sluice_shared::wire::{CloseCode, Goodbye};

use super::active::Active;
use super::contest::{Contest, Purpose};
use super::driver::Lane;
use super::link::End;
use super::transport::{Carrier, Event, Obstacle, Sink, probe};
use super::words::sentence;
use sluice_bridge::{Connection, Endpoints, Level, LifeKind, Recovery, Setup, Upkeep};

/// A connection that is tried.
pub(super) struct Rival {
    /// Its number among all connections of the lane.
    pub(super) generation: u64,
    mode: Mode,
    /// `None` while it is asked whether the server is there.
    carrier: Option<Carrier>,
}

impl Lane {
    pub(super) fn open(&mut self, setup: Setup, now: Time) {
        self.close(now);
        self.tally.clear();
        self.noted_reason = None;
        self.link.handle_opened();
        self.contest = Contest::new(setup.mode, setup.upkeep.falls_back);
        self.active = Some(Active::new(setup, now));
        self.connect(now);
    }

    pub(super) fn close(&mut self, now: Time) {
        self.drop_rivals(now);
        self.contest.cancel();
        self.drop_carrier(CloseCode::Normal, "The page has closed the lane.");
        if self.active.take().is_some() {
            self.tally.lifeline.push(LifeKind::Closed, now);
        }
        self.link.handle_closed();
    }

    pub(super) fn connect(&mut self, now: Time) {
        let Some(active) = &self.active else { return };
        let rtt = active.session.clock().min_rtt();
        self.link.handle_try(active.setup.mode, self.contest.falls_back(), rtt, now);
        self.race(Purpose::Connect, now);
    }

    /// What is due now: a try's end, the next one, or a race.
    pub(super) fn handle_due(&mut self, now: Time) {
        if self.link.poll_timeout().is_some_and(|due| due <= now) {
            match self.link.connection() {
                Connection::Connecting { .. } => self.end(&End::NoAnswer, CloseCode::Unresponsive, now),
                Connection::Waiting { .. } => self.connect(now),
                Connection::Idle | Connection::Open { .. } | Connection::Failed { .. } => {}
            }
        }
        if self.contest.is_overdue(now) {
            self.drop_rivals(now);
        }
        if self.rescue_at().is_some_and(|at| at <= now) {
            let heard_at = self.active.as_ref().map_or(now, |active| active.session.heard_at());
            self.tally.lifeline.handle_lost(LifeKind::Missed, heard_at, now);
            self.tally.notes.push(
                Level::Warning,
                "The server is silent: other ways are tried.".to_owned(),
                now,
            );
            self.race(Purpose::Rescue, now);
        }
        if self.contest.is_return_due(now) && self.link.is_open() {
            self.race(Purpose::Return, now);
        }
        self.start_rivals(now);
    }

    /// When anything of this is due.
    pub(super) fn next_due(&self) -> Option<Time> {
        [self.link.poll_timeout(), self.contest.poll_timeout(), self.rescue_at()].into_iter().flatten().min()
    }

    /// When the connection is held for lost, although it may live: others are tried beside it.
    fn rescue_at(&self) -> Option<Time> {
        let active = self.active.as_ref().filter(|_| self.link.is_open())?;
        let is_preferred = self.carried_by() == Some(Transport::WebTransport);
        active.session.unanswered_since().filter(|_| is_preferred).and_then(|at| self.contest.rescue_at(at))
    }

    /// What carries the open connection.
    fn carried_by(&self) -> Option<Transport> {
        match self.link.connection() {
            Connection::Open { mode, .. } => Some(mode.transport()),
            Connection::Idle
            | Connection::Connecting { .. }
            | Connection::Waiting { .. }
            | Connection::Failed { .. } => None,
        }
    }

    fn race(&mut self, purpose: Purpose, now: Time) {
        self.drop_rivals(now);
        let rtt = self.active.as_ref().and_then(|active| active.session.clock().min_rtt());
        self.contest.begin(purpose, rtt, now);
        self.start_rivals(now);
    }

    fn start_rivals(&mut self, now: Time) {
        while let Some(mode) = self.contest.poll_start(now) {
            self.newest_generation += 1;
            let generation = self.newest_generation;
            self.tally.lifeline.push(LifeKind::Connecting(mode.transport()), now);
            self.rivals.push(Rival { generation, mode, carrier: None });
            if self.link.wants_probe(mode) {
                probe(self.sink(generation));
            } else {
                self.open_rival(generation, now);
            }
        }
    }

    fn open_rival(&mut self, generation: u64, now: Time) {
        let sink = self.sink(generation);
        let Some(active) = &self.active else { return };
        let Some(rival) = self.rivals.iter_mut().find(|rival| rival.generation == generation) else { return };
        match Carrier::open(rival.mode, &active.setup.endpoints, sink, &self.room) {
            Ok(carrier) => rival.carrier = Some(carrier),
            Err(Obstacle(reason)) if self.contest.falls_back() => {
                self.handle_out(generation, &End::Broken(reason), now);
            }
            Err(Obstacle(reason)) => self.give_up(CloseCode::Normal, &reason, now),
        }
    }

    /// Where events of a connection go.
    fn sink(&self, generation: u64) -> Sink {
        let me = self.me.clone();
        Rc::new(move |event: Event<'_>| match me.upgrade() {
            Some(lane) => lane.borrow_mut().handle_carrier(generation, event),
            None => false,
        })
    }

    /// Takes in what happened on a connection that is tried.
    pub(super) fn handle_rival(&mut self, generation: u64, event: Event<'_>, now: Time) {
        match event {
            Event::Probed { answers: true } => self.open_rival(generation, now),
            Event::Probed { answers: false } => self.handle_out(generation, &End::Unreachable, now),
            Event::Opened => self.handle_won(generation, now),
            Event::Closed { code, reason } => {
                let code = code.and_then(CloseCode::from_number);
                self.handle_out(generation, &End::of_close(code, reason, false), now);
            }
            Event::Frame(_)
            | Event::Stream { .. }
            | Event::Datagram(_)
            | Event::Echo(_)
            | Event::Writable => {}
        }
    }

    /// A transport has opened: it takes the session, from the connection that may still have it.
    fn handle_won(&mut self, generation: u64, now: Time) {
        let Some(at) = self.rivals.iter().position(|rival| rival.generation == generation) else { return };
        let rival = self.rivals.swap_remove(at);
        let began = self.contest.handle_won(rival.mode, now);
        self.drop_rivals(now);
        self.drop_carrier(CloseCode::Normal, "The lane takes another way.");
        self.generation = generation;
        self.carrier = rival.carrier;
        self.is_carrier_open = true;
        self.link.handle_under_way(began, now);
        self.tally.lifeline.handle_open(rival.mode.transport(), now);
        let Some(active) = &mut self.active else { return };
        if active.setup.upkeep.recovery == Recovery::StartOver {
            active.session.start_over();
        }
        active.session.set_mode(rival.mode);
        active.session.handle_connected(now);
        // The first heartbeat is due at once, and so goes with the Hello.
        active.session.handle_timeout(now);
    }

    /// A connection that was tried is out before it opened.
    fn handle_out(&mut self, generation: u64, end: &End, now: Time) {
        let Some(at) = self.rivals.iter().position(|rival| rival.generation == generation) else { return };
        let mode = self.rivals.swap_remove(at).mode;
        self.contest.handle_out(mode, *end != End::Unreachable, now);
        self.start_rivals(now);
        if !self.contest.is_decided() {
            return;
        }
        self.contest.handle_given_up(now);
        if matches!(self.link.connection(), Connection::Connecting { .. }) {
            self.wait(end, mode, now);
        }
    }

    /// What was heard on the connection that others were to replace: it lives.
    pub(super) fn handle_heard(&mut self, now: Time) {
        let lives = self.active.as_ref().is_some_and(|active| active.session.unanswered_since().is_none());
        if lives && self.contest.purpose() == Some(Purpose::Rescue) {
            self.contest.cancel();
            self.drop_rivals(now);
            self.tally.lifeline.handle_alive();
        }
    }

    /// Other endpoints: a connection that is open stays if it only met other certificates there, and else moves; a try
    /// that goes to the earlier ones begins anew.
    pub(super) fn set_endpoints(&mut self, endpoints: Endpoints, now: Time) {
        let Some(active) = &mut self.active else { return };
        let (mode, before) = (active.setup.mode, core::mem::replace(&mut active.setup.endpoints, endpoints));
        let is_elsewhere = before.url(mode) != active.setup.endpoints.url(mode);
        if before == active.setup.endpoints {
            return;
        }
        if is_elsewhere {
            // What was learnt of the way to the earlier place tells nothing about this one.
            self.link.handle_moved();
            self.contest = Contest::new(mode, self.contest.falls_back());
        }
        match self.link.connection() {
            Connection::Connecting { .. } | Connection::Waiting { .. } => {
                self.drop_carrier(CloseCode::Normal, "");
                self.connect(now);
            }
            Connection::Open { .. } if is_elsewhere => {
                self.drop_carrier(CloseCode::Normal, "The lane takes another way.");
                self.connect(now);
            }
            Connection::Idle | Connection::Open { .. } | Connection::Failed { .. } => {}
        }
    }

    /// Another upkeep: a lane that has fallen back and is not to any more tries its own transport alone.
    pub(super) fn set_upkeep(&mut self, upkeep: Upkeep, now: Time) {
        let Some(active) = &mut self.active else { return };
        active.setup.upkeep = upkeep;
        active.session.set_heartbeat(upkeep.heartbeat, now);
        if upkeep.falls_back == self.contest.falls_back() {
            return;
        }
        let preferred = active.setup.mode.transport();
        self.contest.set_falls_back(upkeep.falls_back);
        match self.link.connection() {
            Connection::Open { mode, .. } if mode.transport() != preferred => {
                self.drop_carrier(CloseCode::Normal, "The lane takes another way.");
                self.connect(now);
            }
            Connection::Connecting { .. } | Connection::Waiting { .. } => {
                self.drop_carrier(CloseCode::Normal, "");
                self.connect(now);
            }
            Connection::Idle | Connection::Open { .. } | Connection::Failed { .. } => {}
        }
    }

    pub(super) fn handle_closed(&mut self, code: Option<u32>, reason: String, now: Time) {
        let farewell = self.active.as_mut().and_then(|active| active.farewell.take());
        let code = code.and_then(CloseCode::from_number);
        let end = match (farewell, code) {
            (Some(Goodbye { reason, .. }), _) => End::Told(reason),
            (None, Some(CloseCode::Unsupported | CloseCode::TakenOver | CloseCode::ExhibitOver)) => {
                return self.give_up(CloseCode::Normal, &reason, now);
            }
            // A client that is slow on purpose may not get to the server's last word.
            (None, None) if self.link.is_open() && self.is_exhibit() => {
                let reason = "The connection is over before the server could say how the exhibit went";
                return self.give_up(CloseCode::Normal, reason, now);
            }
            (None, code) => End::of_close(code, reason, self.link.is_open()),
        };
        self.end(&end, CloseCode::Normal, now);
    }

    fn is_exhibit(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.setup.policy.is_exhibit())
    }

    /// Ends the connection, or the try for one; another try follows, or goes on.
    pub(super) fn end(&mut self, end: &End, code: CloseCode, now: Time) {
        let Some(active) = &self.active else { return };
        let (mode, heard_at) = (active.setup.mode, active.session.heard_at());
        if self.link.is_open() {
            let kind = if matches!(end, End::Silent(_)) { LifeKind::Dead } else { LifeKind::Lost };
            self.tally.lifeline.handle_lost(kind, heard_at, now);
        }
        self.drop_carrier(code, "");
        if let Some(began) = self.contest.handle_nothing_to_rescue() {
            return self.link.handle_under_way(began, now);
        }
        self.drop_rivals(now);
        self.wait(end, mode, now);
    }

    /// Another try follows.
    fn wait(&mut self, end: &End, mode: Mode, now: Time) {
        let Some(active) = &self.active else { return };
        self.contest.cancel();
        self.link.handle_end(end, mode, self.contest.falls_back(), &active.setup.endpoints, now);
        let Connection::Waiting { reason, retry_at } = self.link.connection() else { return };
        self.tally.lifeline.push(LifeKind::Backoff { until: *retry_at }, now);
        if self.noted_reason.as_ref() != Some(reason) {
            self.noted_reason = Some(reason.clone());
            self.tally.notes.push(Level::Warning, reason.clone(), now);
        }
    }

    /// Ends the connection for good.
    pub(super) fn give_up(&mut self, code: CloseCode, reason: &str, now: Time) {
        self.drop_rivals(now);
        self.contest.cancel();
        self.drop_carrier(code, reason);
        let reason = sentence(reason);
        self.tally.notes.push(Level::Error, reason.clone(), now);
        self.tally.lifeline.push(LifeKind::Closed, now);
        self.link.handle_hopeless(reason);
    }

    pub(super) fn drop_carrier(&mut self, code: CloseCode, reason: &str) {
        self.generation = 0;
        self.is_carrier_open = false;
        if let Some(carrier) = self.carrier.take() {
            carrier.close(code, reason);
        }
        if let Some(active) = &mut self.active {
            active.handle_disconnected();
        }
    }

    /// Ends what is tried, and the race with it.
    fn drop_rivals(&mut self, now: Time) {
        self.contest.handle_given_up(now);
        for rival in self.rivals.drain(..) {
            if let Some(carrier) = rival.carrier {
                carrier.close(CloseCode::Normal, "");
            }
        }
    }

    /// How long the server may be silent after a heartbeat.
    pub(super) fn patience(&self) -> core::time::Duration {
        let heartbeat =
            self.active.as_ref().map_or_else(Heartbeat::default, |active| active.setup.upkeep.heartbeat);
        heartbeat.within_range().timeout
    }
}
