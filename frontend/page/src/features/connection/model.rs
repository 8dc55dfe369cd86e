//! Connection timeline of a lane, built from its worker's events. The engine adds the events; the charts, the
//! recording and the verdict read the phases. At most [`ConnectionTimeline::MOST`] events are kept.

use std::collections::VecDeque;

use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

use sluice_bridge::ConnectionEvent;
use sluice_bridge::ConnectionEventKind;

/// Phase of a lane's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// No connection wanted.
    #[default]
    Idle,
    /// Connecting for the first time.
    Connecting,
    /// Reconnecting after a loss.
    Reconnecting,
    /// Open; data may flow.
    Open(Transport),
    /// Lost.
    Down,
    /// Lost, with the next attempt not before this time.
    Waiting(Time),
}

impl Phase {
    /// Returns the phase after `event`.
    pub const fn after(self, event: ConnectionEvent) -> Self {
        match event.kind {
            ConnectionEventKind::Welcome(transport, _) => Self::Open(transport),
            // An attempt beside an open connection.
            ConnectionEventKind::Connecting(_) if matches!(self, Self::Open(_)) => self,
            ConnectionEventKind::Connecting(_) | ConnectionEventKind::TransportOpen(_) => match self {
                Self::Idle | Self::Connecting => Self::Connecting,
                Self::Reconnecting | Self::Open(_) | Self::Down | Self::Waiting(_) => Self::Reconnecting,
            },
            ConnectionEventKind::Dead | ConnectionEventKind::Lost => Self::Down,
            ConnectionEventKind::Backoff { until } => Self::Waiting(until),
            ConnectionEventKind::Closed => Self::Idle,
            ConnectionEventKind::Ping
            | ConnectionEventKind::Pong { .. }
            | ConnectionEventKind::Missed
            | ConnectionEventKind::Fresh
            | ConnectionEventKind::Online => self,
        }
    }
}

/// Newest events, and the phase before them.
#[derive(Debug, Default)]
pub struct ConnectionTimeline {
    before: Phase,
    events: VecDeque<ConnectionEvent>,
}

impl ConnectionTimeline {
    /// Maximum number of events kept: slightly more than 30 s of the fastest heartbeat.
    pub const MOST: usize = 1_024;

    /// Adds the events of a report.
    pub fn extend(&mut self, events: &[ConnectionEvent]) {
        self.events.extend(events);
        while self.events.len() > Self::MOST
            && let Some(event) = self.events.pop_front()
        {
            self.before = self.before.after(event);
        }
    }

    /// Returns the events, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &ConnectionEvent> {
        self.events.iter()
    }

    /// Returns the start and end of each phase up to `now`, oldest first. The first span begins at zero.
    pub fn spans(&self, now: Time) -> Vec<(Time, Time, Phase)> {
        let (mut spans, mut phase, mut since) = (Vec::new(), self.before, Time::ZERO);
        for event in &self.events {
            let next = phase.after(*event);
            if next != phase {
                spans.push((since, event.at, phase));
                (phase, since) = (next, event.at);
            }
        }
        spans.push((since, now.max(since), phase));
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_bridge::SessionStart;

    fn event(millis: u64, kind: ConnectionEventKind) -> ConnectionEvent {
        ConnectionEvent { at: Time::from_millis(millis), kind }
    }

    #[test]
    fn spans_tell_what_the_connection_was_when() {
        let (quic, tcp) = (Transport::WebTransport, Transport::WebSocket);
        let until = Time::from_millis(60);
        let mut track = ConnectionTimeline::default();
        track.extend(&[
            event(10, ConnectionEventKind::Connecting(quic)),
            event(20, ConnectionEventKind::TransportOpen(quic)),
            event(30, ConnectionEventKind::Welcome(quic, SessionStart::First)),
            event(35, ConnectionEventKind::Ping),
            event(40, ConnectionEventKind::Connecting(tcp)),
            event(50, ConnectionEventKind::Dead),
            event(51, ConnectionEventKind::Backoff { until }),
            event(60, ConnectionEventKind::Connecting(tcp)),
            event(70, ConnectionEventKind::Welcome(tcp, SessionStart::Resumed)),
        ]);
        let spans: Vec<_> = track
            .spans(Time::from_millis(90))
            .into_iter()
            .map(|(from, to, phase)| (from.as_micros() / 1_000, to.as_micros() / 1_000, phase))
            .collect();
        let expected = [
            (0, 10, Phase::Idle),
            (10, 30, Phase::Connecting),
            (30, 50, Phase::Open(quic)),
            (50, 51, Phase::Down),
            (51, 60, Phase::Waiting(until)),
            (60, 70, Phase::Reconnecting),
            (70, 90, Phase::Open(tcp)),
        ];
        assert_eq!(spans, expected);
    }

    #[test]
    fn old_events_go_and_what_they_led_to_stays() {
        let mut track = ConnectionTimeline::default();
        track.extend(&[event(1, ConnectionEventKind::Welcome(Transport::WebSocket, SessionStart::First))]);
        for millis in 0..3_000 {
            track.extend(&[event(millis, ConnectionEventKind::Ping)]);
        }
        assert_eq!(track.events().count(), ConnectionTimeline::MOST);
        let now = Time::from_millis(3_000);
        assert_eq!(track.spans(now), [(Time::ZERO, now, Phase::Open(Transport::WebSocket))]);
    }
}
