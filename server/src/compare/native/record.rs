//! What a lane's client saw, in order with the changes of its address: the lab's reports tell of those a little later.

use std::collections::VecDeque;

use sluice_shared::lab::{LabReport, PathChange, SwitchReport};
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

use crate::compare::migration::{Migration, Moves};

/// Most that waits to be put in order; what is older is taken as it is.
const MOST_SEEN: usize = 65_536;

/// Something that a client saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// A connection has opened.
    Connected,
    /// The server has welcomed the session.
    Welcome,
    /// The server did not know the session any more.
    StartedOver,
    /// One or more messages have arrived.
    Arrival,
    /// The connection is over, or could not be had.
    Disconnected,
}

/// The account of a lane whose client changes networks, in a lab of its own.
///
/// Client and lab read clocks of one process that were set by the system's, so their times are comparable.
#[derive(Debug)]
pub(super) struct Record {
    lane: u16,
    transport: Transport,
    moves: Moves,
    /// What is not in order yet, oldest first.
    seen: VecDeque<(Time, Seen)>,
    /// Changes that are not in order yet, oldest first.
    changes: VecDeque<Change>,
    /// The newest of those that are.
    change: Option<Change>,
    next_change: u64,
    /// A report tells of everything before the one before it.
    reported_until: Time,
    /// How many connections have opened, and whether the last is open.
    connections: u64,
    is_open: bool,
    /// The connection that was open at the newest change.
    changed_on: Option<u64>,
    /// The newest connection that the lab knows the lane of, and its backend.
    home: Option<(u64, u8)>,
    /// The backend that the session was at last.
    backend: Option<u8>,
}

/// A change of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    number: u64,
    at: Time,
    /// When the first packet by the new path of the lane's connection reached the client.
    new_path_at: Option<Time>,
}

impl Record {
    /// An empty account of the lane of this number.
    pub(super) fn new(lane: u16, transport: Transport) -> Self {
        Self {
            lane,
            transport,
            moves: Moves::default(),
            seen: VecDeque::new(),
            changes: VecDeque::new(),
            change: None,
            next_change: 0,
            reported_until: Time::ZERO,
            connections: 0,
            is_open: false,
            changed_on: None,
            home: None,
            backend: None,
        }
    }

    /// The client has seen something.
    pub(super) fn note(&mut self, seen: Seen, at: Time) {
        if self.seen.len() >= MOST_SEEN
            && let Some((oldest, _)) = self.seen.front()
        {
            self.play_until(*oldest);
        }
        self.seen.push_back((at, seen));
    }

    /// The lab has reported.
    pub(super) fn handle_report(&mut self, report: &LabReport) {
        for switch in &report.switches {
            self.take(switch);
        }
        let clients = report.balancer.iter().flat_map(|balancer| &balancer.clients);
        for client in clients.filter(|client| client.lane == Some(self.lane)) {
            if let Some(flow) = client.flow.filter(|flow| self.home.is_none_or(|(known, _)| *flow > known)) {
                self.home = Some((flow, client.backend));
            }
        }
        // A report is put together piece by piece, so the one before it is complete up to its time.
        let until = std::mem::replace(&mut self.reported_until, report.at);
        self.play_until(until);
    }

    /// The account, which leaves out what QUIC counts.
    pub(super) fn migration(&self) -> Migration {
        self.moves.report()
    }

    fn take(&mut self, switch: &SwitchReport) {
        let SwitchReport { number, at, .. } = *switch;
        let change = Change { number, at, new_path_at: new_path_at(switch, self.lane) };
        let known = self.change.iter_mut().chain(&mut self.changes).find(|known| known.number == number);
        if let Some(known) = known {
            *known = change;
        }
        // Where changes came too thick for the reports, they were before the oldest that is told.
        for number in self.next_change..=number {
            self.changes.push_back(Change { number, ..change });
        }
        self.next_change = self.next_change.max(number + 1);
    }

    fn play_until(&mut self, until: Time) {
        loop {
            let change = self.changes.front().map(|change| change.at).filter(|at| *at <= until);
            let seen = self.seen.front().map(|(at, _)| *at).filter(|at| *at <= until);
            match (change, seen) {
                (Some(at), seen) if seen.is_none_or(|seen| at <= seen) => {
                    self.change = self.changes.pop_front();
                    self.changed_on = self.is_open.then_some(self.connections);
                    self.moves.note_change(at);
                }
                (_, Some(_)) => {
                    if let Some((at, seen)) = self.seen.pop_front() {
                        self.play(seen, at);
                    }
                }
                (_, None) => return,
            }
        }
    }

    fn play(&mut self, seen: Seen, at: Time) {
        match seen {
            Seen::Connected => {
                self.connections += 1;
                self.is_open = true;
                self.moves.note_connected(at);
            }
            Seen::Welcome => {
                let backend = self.home.map(|(_, backend)| backend);
                let before = std::mem::replace(&mut self.backend, backend);
                self.moves.note_welcome(before != backend, at);
            }
            Seen::StartedOver => self.moves.note_started_over(),
            Seen::Arrival if self.is_straggler(at) => self.moves.note_straggler(at),
            Seen::Arrival => self.moves.note_received(at),
            Seen::Disconnected => {
                self.is_open = false;
                self.moves.note_disconnected(at);
            }
        }
    }

    /// Whether what arrives at `at` went by the way that the newest change has ended. A TCP connection has no other.
    fn is_straggler(&self, at: Time) -> bool {
        let is_by_new = match self.transport {
            Transport::WebSocket => false,
            Transport::WebTransport => {
                self.change.and_then(|change| change.new_path_at).is_some_and(|new_path_at| new_path_at <= at)
            }
        };
        self.changed_on == Some(self.connections) && !is_by_new
    }
}

/// When the newest connection of `lane` went on by its new path, as its client saw it.
fn new_path_at(switch: &SwitchReport, lane: u16) -> Option<Time> {
    newest(switch, lane)?.quic.as_ref()?.new_down.arrived_at
}

fn newest(switch: &SwitchReport, lane: u16) -> Option<&PathChange> {
    switch.paths.iter().filter(|path| path.lane == Some(lane)).max_by_key(|path| path.flow)
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::{NewAddress, PathEnds, QuicPathChange, TcpFate};

    use super::*;

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn switch(number: u64, millis: u64, transport: Transport, new_path_at: Option<u64>) -> SwitchReport {
        let new_down = PathEnds { sent_at: None, arrived_at: new_path_at.map(at) };
        let path = PathChange {
            flow: 5,
            lane: Some(3),
            transport,
            old_address: String::new(),
            new_address: None,
            old_up: PathEnds::default(),
            old_down: PathEnds::default(),
            quic: Some(QuicPathChange { new_down, ..QuicPathChange::default() }),
            tcp: None,
        };
        SwitchReport {
            number,
            at: at(millis),
            address: NewAddress::Host,
            tcp: TcpFate::Told,
            problem: None,
            paths: vec![path],
        }
    }

    fn report(millis: u64, switches: Vec<SwitchReport>) -> LabReport {
        LabReport { at: at(millis), switches, ..LabReport::default() }
    }

    fn record(transport: Transport, seen: &[(u64, Seen)]) -> Record {
        let mut record = Record::new(3, transport);
        seen.iter().for_each(|(millis, seen)| record.note(*seen, at(*millis)));
        record
    }

    #[test]
    fn a_change_is_put_before_what_was_seen_after_it_though_it_is_told_later() {
        let seen = [
            (1, Seen::Connected),
            (2, Seen::Welcome),
            (10, Seen::Arrival),
            (20, Seen::Arrival),
            (40, Seen::Arrival),
            (95, Seen::Arrival),
            (96, Seen::Arrival),
        ];
        let mut record = record(Transport::WebTransport, &seen);
        record.handle_report(&report(100, Vec::new()));
        assert_eq!(record.migration().address_changes, 0);
        // It happened at 15; what came by the old path was under way.
        record.handle_report(&report(200, vec![switch(0, 15, Transport::WebTransport, Some(94))]));
        let migration = record.migration();
        assert_eq!((migration.address_changes, migration.survived), (1, 1));
        assert_eq!(migration.gap.map(|gap| gap.max_ms), Some(55.0));
    }

    #[test]
    fn nothing_that_comes_by_a_tcp_connection_after_the_change_means_that_it_lives() {
        let seen = [
            (1, Seen::Connected),
            (2, Seen::Welcome),
            (10, Seen::Arrival),
            (21, Seen::Arrival),
            (22, Seen::Disconnected),
            (60, Seen::Connected),
            (80, Seen::Welcome),
            (81, Seen::Arrival),
        ];
        let mut record = record(Transport::WebSocket, &seen);
        record.handle_report(&report(100, vec![switch(0, 20, Transport::WebSocket, None)]));
        record.handle_report(&report(200, vec![switch(0, 20, Transport::WebSocket, None)]));
        let migration = record.migration();
        let max = |spans: Option<crate::compare::Spans>| spans.map(|spans| spans.max_ms);
        assert_eq!((migration.address_changes, migration.survived, migration.sessions_resumed), (1, 0, 1));
        assert_eq!((max(migration.detect), max(migration.connect)), (Some(2.0), Some(38.0)));
        assert_eq!((max(migration.resume), max(migration.gap)), (Some(20.0), Some(60.0)));
    }

    #[test]
    fn changes_that_no_report_has_told_are_counted() {
        let mut record = record(Transport::WebTransport, &[(1, Seen::Connected), (5, Seen::Arrival)]);
        record.handle_report(&report(100, vec![switch(4, 50, Transport::WebTransport, None)]));
        record.handle_report(&report(200, Vec::new()));
        assert_eq!(record.migration().address_changes, 5);
    }

    #[test]
    fn what_waits_to_be_put_in_order_is_bounded() {
        let mut record = Record::new(3, Transport::WebTransport);
        for n in 0..100_000 {
            record.note(Seen::Arrival, at(n));
        }
        assert_eq!(record.seen.len(), MOST_SEEN);
    }
}
