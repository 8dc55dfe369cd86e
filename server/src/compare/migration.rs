//! What changes of the client's address did to a lane.

use serde::Serialize;
use sluice_shared::histogram::Histogram;
use sluice_shared::time::Time;

use super::tally::millis;

/// What changes of the client's address did to a lane; everything that counts packets is QUIC's alone, and 0 for TCP.
/// What a run in real time cannot count is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Migration {
    /// Changes since the lane followed the feed.
    pub address_changes: u64,
    /// Those after which the next message came over the same connection.
    pub survived: u64,
    /// Connections that ended in a gap with a change in it, attempts included.
    pub connections_lost: u64,
    /// Sessions that went on over another connection after that.
    pub sessions_resumed: u64,
    /// Those of them that went on at another backend.
    pub resumed_elsewhere: u64,
    /// Sessions that could not go on.
    pub sessions_lost: u64,
    /// From the last message before a change to the first after it; `None` when there was none.
    pub gap: Option<Spans>,
    /// From a change until the client knew that its connection was lost.
    pub detect: Option<Spans>,
    /// From then until another was open: the wait before the attempt, and the handshakes.
    pub connect: Option<Spans>,
    /// From then until the server had welcomed the session.
    pub resume: Option<Spans>,
    /// Addresses that packets of an open connection came from, beside its first.
    pub addresses_used: u64,
    /// Those of them whose first packet the balancer led to a backend that did not have the connection.
    pub addresses_misrouted: Option<u64>,
    /// Packets that reached such a backend.
    pub misrouted_packets: u64,
    /// Stateless resets that backends sent.
    pub stateless_resets: Option<u64>,
    /// Stateless resets that the client believed.
    pub believed_resets: u64,
    /// How often the server followed its client to another address.
    pub path_changes: u64,
    /// How often it began there with another congestion window.
    pub window_resets: Option<u64>,
    /// PATH_CHALLENGE frames that the server sent.
    pub path_challenges: Option<u64>,
    /// PATH_RESPONSE frames that it received.
    pub path_responses: Option<u64>,
}

/// Spans of time, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spans {
    /// Half were no longer.
    pub p50_ms: f64,
    /// 95 % were no longer.
    pub p95_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Spans {
    fn of(histogram: &Histogram) -> Option<Self> {
        let mut quantiles = histogram.quantiles_micros([0.5, 0.95].into_iter()).map(millis);
        Some(Self {
            p50_ms: quantiles.next()?,
            p95_ms: quantiles.next()?,
            max_ms: millis(histogram.max_micros()),
        })
        .filter(|_| histogram.count() > 0)
    }
}

/// The account of a lane's changes over all its connections.
#[derive(Debug, Default)]
pub(super) struct Moves {
    changes: u64,
    survived: u64,
    connections_lost: u64,
    sessions_resumed: u64,
    resumed_elsewhere: u64,
    sessions_lost: u64,
    gap: Histogram,
    detect: Histogram,
    connect: Histogram,
    resume: Histogram,
    last_received_at: Option<Time>,
    /// Connections that have ended since the last message without a change, and when the first did.
    lost_before: u64,
    lost_before_at: Option<Time>,
    /// What no message has ended yet.
    open: Option<Silence>,
}

/// What a change began, until the next message.
#[derive(Clone, Copy, Debug)]
struct Silence {
    since: Time,
    changes: u64,
    lost_at: Option<Time>,
    connected_at: Option<Time>,
}

impl Moves {
    /// The client's address has changed; nothing counts before the first message.
    pub(super) fn note_change(&mut self, now: Time) {
        if self.last_received_at.is_none() {
            return;
        }
        self.changes += 1;
        self.connections_lost += std::mem::take(&mut self.lost_before);
        let lost_at = self.lost_before_at.take();
        let silence =
            self.open.get_or_insert(Silence { since: now, changes: 0, lost_at, connected_at: None });
        silence.changes += 1;
    }

    /// The client has given its connection up.
    pub(super) fn note_disconnected(&mut self, now: Time) {
        let Some(silence) = &mut self.open else {
            self.lost_before += 1;
            self.lost_before_at.get_or_insert(now);
            return;
        };
        self.connections_lost += 1;
        silence.lost_at.get_or_insert(now);
        silence.connected_at = None;
    }

    /// Another connection is open.
    pub(super) fn note_connected(&mut self, now: Time) {
        if let Some(silence) = &mut self.open {
            silence.connected_at = Some(now);
        }
    }

    /// The server has welcomed the session, at another backend than before or not.
    pub(super) fn note_welcome(&mut self, is_elsewhere: bool, now: Time) {
        let Some(Silence { since, lost_at: Some(lost_at), connected_at: Some(connected_at), .. }) = self.open
        else {
            return;
        };
        // Whoever knew before the change is free from then on.
        let free_at = lost_at.max(since);
        self.detect.record(free_at.since(since));
        self.connect.record(connected_at.since(free_at));
        self.resume.record(now.since(connected_at));
        self.sessions_resumed += 1;
        self.resumed_elsewhere += u64::from(is_elsewhere);
    }

    /// The server did not know the session any more.
    pub(super) const fn note_started_over(&mut self) {
        self.sessions_lost += 1;
    }

    /// A message has arrived; one that did before the change does not end its silence.
    pub(super) fn note_received(&mut self, received_at: Time) {
        let over = self.open.take_if(|silence| silence.since <= received_at);
        if let Some(Silence { changes, lost_at, .. }) = over {
            if lost_at.is_none() {
                self.survived += changes;
            }
            let last = self.last_received_at.unwrap_or(received_at);
            self.gap.record(received_at.since(last));
        }
        (self.lost_before, self.lost_before_at) = (0, None);
        self.last_received_at = self.last_received_at.max(Some(received_at));
    }

    /// A message has arrived by the way that the change has ended, where it was when the address changed.
    pub(super) fn note_straggler(&mut self, received_at: Time) {
        self.last_received_at = self.last_received_at.max(Some(received_at));
    }

    /// The account, which leaves out what QUIC counts.
    pub(super) fn report(&self) -> Migration {
        Migration {
            address_changes: self.changes,
            survived: self.survived,
            connections_lost: self.connections_lost,
            sessions_resumed: self.sessions_resumed,
            resumed_elsewhere: self.resumed_elsewhere,
            sessions_lost: self.sessions_lost,
            gap: Spans::of(&self.gap),
            detect: Spans::of(&self.detect),
            connect: Spans::of(&self.connect),
            resume: Spans::of(&self.resume),
            addresses_used: 0,
            addresses_misrouted: Some(0),
            misrouted_packets: 0,
            stateless_resets: Some(0),
            believed_resets: 0,
            path_changes: 0,
            window_resets: Some(0),
            path_challenges: Some(0),
            path_responses: Some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn a_change_survives_when_the_connection_goes_on() {
        let mut moves = Moves::default();
        moves.note_change(at(1));
        for received in [10, 20] {
            moves.note_received(at(received));
        }
        moves.note_change(at(22));
        moves.note_change(at(25));
        // It arrived before the first of them, and was only taken now.
        moves.note_received(at(21));
        moves.note_received(at(121));
        let Migration { address_changes, survived, connections_lost, gap, detect, .. } = moves.report();
        assert_eq!((address_changes, survived, connections_lost, detect), (2, 2, 0, None));
        let gap = gap.expect("there was one");
        assert_eq!(gap.max_ms, 100.0);
    }

    #[test]
    fn what_was_under_way_when_the_address_changed_ends_no_gap() {
        let mut moves = Moves::default();
        moves.note_received(at(10));
        moves.note_change(at(20));
        moves.note_straggler(at(40));
        assert_eq!(moves.report().survived, 0);
        moves.note_received(at(100));
        let report = moves.report();
        assert_eq!((report.survived, report.gap.map(|gap| gap.max_ms)), (1, Some(60.0)));
    }

    #[test]
    fn a_lost_connection_has_its_three_spans() {
        let mut moves = Moves::default();
        moves.note_received(at(10));
        moves.note_change(at(20));
        moves.note_disconnected(at(50));
        // An attempt that fails is one more; the client knew before.
        moves.note_disconnected(at(90));
        moves.note_connected(at(150));
        moves.note_welcome(true, at(200));
        moves.note_received(at(210));
        let report = moves.report();
        assert_eq!((report.address_changes, report.survived, report.connections_lost), (1, 0, 2));
        assert_eq!((report.sessions_resumed, report.resumed_elsewhere), (1, 1));
        let max = |spans: Option<Spans>| spans.map(|spans| spans.max_ms);
        assert_eq!(max(report.detect), Some(30.0));
        assert_eq!(max(report.connect), Some(100.0));
        assert_eq!(max(report.resume), Some(50.0));
        assert_eq!(max(report.gap), Some(200.0));
    }

    #[test]
    fn a_connection_that_was_lost_before_the_change_has_not_survived_it() {
        let mut moves = Moves::default();
        moves.note_received(at(10));
        moves.note_disconnected(at(50));
        moves.note_change(at(60));
        moves.note_connected(at(75));
        moves.note_welcome(false, at(80));
        moves.note_received(at(90));
        let report = moves.report();
        assert_eq!((report.address_changes, report.survived, report.connections_lost), (1, 0, 1));
        let max = |spans: Option<Spans>| spans.map(|spans| spans.max_ms);
        assert_eq!(
            (max(report.detect), max(report.connect), max(report.resume)),
            (Some(0.0), Some(15.0), Some(5.0))
        );
        assert_eq!((report.sessions_resumed, max(report.gap)), (1, Some(80.0)));
    }

    #[test]
    fn what_ends_without_a_change_is_not_counted() {
        let mut moves = Moves::default();
        moves.note_received(at(10));
        moves.note_disconnected(at(50));
        moves.note_connected(at(60));
        moves.note_welcome(false, at(70));
        moves.note_received(at(80));
        let report = moves.report();
        assert_eq!((report.connections_lost, report.sessions_resumed, report.gap), (0, 0, None));
    }
}
