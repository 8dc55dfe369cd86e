//! Timeline of a lane's connections: their events, and the course of the last outage.
//!
//! Filled by the driver. An outage lasts from the last activity on a lost connection to the first fresh
//! message; further losses before that belong to the same outage.

use sluice_shared::mode::Transport;
use sluice_shared::time::{Time, micros};

use super::ring::Ring;
use sluice_bridge::{ConnectionEvent, ConnectionEventKind, Outage, Report, SessionStart};

/// Recorder of connection events, and of each outage from the last activity to the first fresh message.
#[derive(Debug)]
pub(crate) struct ConnectionTimeline {
    events: Ring<ConnectionEvent>,
    outage: Option<CurrentOutage>,
    /// Outage before the current one, restored if that turns out to be a false alarm.
    earlier: Option<CurrentOutage>,
}

#[derive(Clone, Copy, Debug)]
struct CurrentOutage {
    reported: Outage,
    noticed_at: Time,
    /// Time on the server's clock from which on messages count as fresh; `None` before the Welcome.
    fresh_from: Option<Time>,
}

impl CurrentOutage {
    const fn is_over(&self) -> bool {
        self.reported.fresh_after_micros.is_some()
    }
}

impl ConnectionTimeline {
    /// Creates an empty timeline.
    pub(crate) fn new() -> Self {
        Self { events: Ring::new(Report::MAX_CONNECTION_EVENTS), outage: None, earlier: None }
    }

    /// Records an event.
    pub(crate) fn push(&mut self, kind: ConnectionEventKind, at: Time) {
        self.events.push(ConnectionEvent { at, kind });
    }

    /// Handles the loss of a connection whose last activity was at `heard_at`. It is lost or presumed lost,
    /// depending on `kind`.
    pub(crate) fn handle_lost(&mut self, kind: ConnectionEventKind, heard_at: Time, now: Time) {
        if kind != ConnectionEventKind::Missed {
            self.push(kind, now);
        }
        // Further losses before the lane has recovered belong to the same outage.
        if self.outage.is_some_and(|outage| !outage.is_over()) {
            return;
        }
        let reported = Outage {
            lost_at: heard_at,
            noticed_after_micros: micros(now.since(heard_at)),
            open_after_micros: None,
            welcome: None,
            fresh_after_micros: None,
            missed: 0,
        };
        self.earlier = self.outage.replace(CurrentOutage { reported, noticed_at: now, fresh_from: None });
    }

    /// Withdraws the outage of a connection that was presumed lost but is alive.
    pub(crate) fn handle_alive(&mut self) {
        if self.outage.is_some_and(|outage| outage.reported.open_after_micros.is_none()) {
            self.outage = self.earlier;
        }
    }

    /// Records that a transport has opened.
    pub(crate) fn handle_open(&mut self, transport: Transport, now: Time) {
        self.push(ConnectionEventKind::TransportOpen(transport), now);
        if let Some(outage) = self.coming_back() {
            outage.reported.open_after_micros = Some(micros(now.since(outage.noticed_at)));
        }
    }

    /// Records the server's Welcome; `server_now` is the server's clock at that moment.
    pub(crate) fn handle_welcome(
        &mut self,
        transport: Transport,
        start: SessionStart,
        server_now: Time,
        now: Time,
    ) {
        self.push(ConnectionEventKind::Welcome(transport, start), now);
        if let Some(outage) = self.coming_back() {
            outage.reported.welcome = Some((micros(now.since(outage.noticed_at)), transport, start));
            outage.fresh_from = Some(server_now);
        }
    }

    /// Counts messages that the outage has cost.
    pub(crate) fn handle_missed_messages(&mut self, messages: u64) {
        if let Some(outage) = &mut self.outage {
            outage.reported.missed += messages;
        }
    }

    /// Handles a consumed message that was produced at `produced_at` on the server's clock.
    pub(crate) fn handle_consumed(&mut self, produced_at: Time, consumed_at: Time) {
        let Some(outage) = self.coming_back() else { return };
        if outage.fresh_from.is_some_and(|from| produced_at >= from) {
            outage.reported.fresh_after_micros = Some(micros(consumed_at.since(outage.noticed_at)));
            self.push(ConnectionEventKind::Fresh, consumed_at);
        }
    }

    /// Returns whether the connection was lost and no fresh message has been consumed since.
    pub(crate) fn is_lost(&self) -> bool {
        self.outage.is_some_and(|outage| !outage.is_over())
    }

    /// Returns the last outage.
    pub(crate) fn last_outage(&self) -> Option<Outage> {
        self.outage.map(|outage| outage.reported)
    }

    /// Takes the events since the last call, oldest first.
    pub(crate) fn take(&mut self) -> Vec<ConnectionEvent> {
        self.events.take_all()
    }

    /// Discards the last outage, unless it is in progress. Unreported events stay.
    pub(crate) fn clear(&mut self) {
        self.outage = self.outage.filter(|outage| !outage.is_over());
        self.earlier = None;
    }

    fn coming_back(&mut self) -> Option<&mut CurrentOutage> {
        self.outage.as_mut().filter(|outage| !outage.is_over())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    /// Returns a timeline with one outage: lost at 1 s, noticed at 3 s, and reconnected at 3.5 s.
    fn back() -> ConnectionTimeline {
        let mut timeline = ConnectionTimeline::new();
        timeline.handle_lost(ConnectionEventKind::Dead, at(1_000), at(3_000));
        timeline.push(ConnectionEventKind::Connecting(Transport::WebTransport), at(3_100));
        timeline.handle_open(Transport::WebSocket, at(3_400));
        timeline.handle_welcome(Transport::WebSocket, SessionStart::Resumed, at(73_000), at(3_500));
        timeline
    }

    #[test]
    fn a_loss_is_measured_from_the_last_sign_of_life_to_the_first_fresh_message() {
        let mut timeline = back();
        timeline.handle_consumed(at(72_999), at(3_600));
        assert_eq!(
            timeline.last_outage().and_then(|outage| outage.fresh_after_micros),
            None,
            "a replay is old"
        );
        timeline.handle_consumed(at(73_000), at(3_700));
        timeline.handle_consumed(at(73_500), at(4_700));
        let outage = timeline.last_outage().expect("there was one");
        assert_eq!(outage.lost_at, at(1_000));
        assert_eq!(outage.noticed_after_micros, 2_000_000);
        assert_eq!(outage.open_after_micros, Some(400_000));
        assert_eq!(outage.welcome, Some((500_000, Transport::WebSocket, SessionStart::Resumed)));
        assert_eq!(outage.fresh_after_micros, Some(700_000));
        let fresh = ConnectionEvent { at: at(3_700), kind: ConnectionEventKind::Fresh };
        assert_eq!(timeline.take().last(), Some(&fresh), "it is reported once");
    }

    #[test]
    fn what_is_lost_again_before_the_lane_is_back_is_the_same_loss() {
        let mut timeline = back();
        timeline.handle_lost(ConnectionEventKind::Lost, at(3_550), at(3_560));
        timeline.handle_open(Transport::WebSocket, at(9_000));
        let outage = timeline.last_outage().expect("there was one");
        assert_eq!((outage.lost_at, outage.open_after_micros), (at(1_000), Some(6_000_000)));
    }

    #[test]
    fn a_connection_that_was_held_for_lost_and_lives_leaves_the_loss_before_it() {
        let mut timeline = back();
        timeline.handle_consumed(at(80_000), at(3_700));
        let before = timeline.last_outage();
        timeline.handle_lost(ConnectionEventKind::Missed, at(20_000), at(22_000));
        assert_ne!(timeline.last_outage(), before);
        timeline.handle_alive();
        assert_eq!(timeline.last_outage(), before);
    }

    #[test]
    fn events_are_reported_once_and_the_newest_are_kept() {
        let mut timeline = back();
        assert_eq!(timeline.take().len(), 4);
        for millis in 0..2_000 {
            timeline.push(ConnectionEventKind::Ping, at(millis));
        }
        let reported = timeline.take();
        assert_eq!(
            (reported.len(), reported.last().map(|event| event.at)),
            (Report::MAX_CONNECTION_EVENTS, Some(at(1_999)))
        );
        assert!(timeline.take().is_empty());
    }
}
