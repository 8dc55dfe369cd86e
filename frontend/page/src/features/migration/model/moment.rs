//! Moments of a lane's connections that matter to its recovery, on the server's clock.

use sluice_bridge::{ConnectionEvent, ConnectionEventKind};
use sluice_shared::time::Time;

/// Moment that matters to a lane's recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Time, on the server's clock.
    pub(crate) at: Time,
    /// Kind of moment.
    pub(crate) kind: MomentKind,
}

/// Kind of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MomentKind {
    /// The connection broke or was abandoned.
    Lost,
    /// The lane waits before the next attempt.
    Backoff,
    /// A connection attempt begins.
    Attempt,
    /// A transport opened.
    Open,
    /// The server's Welcome arrived.
    Welcome,
    /// The first message younger than that Welcome was consumed.
    Fresh,
}

impl MomentKind {
    const fn of(kind: ConnectionEventKind) -> Option<Self> {
        match kind {
            ConnectionEventKind::Dead | ConnectionEventKind::Lost => Some(Self::Lost),
            ConnectionEventKind::Backoff { .. } => Some(Self::Backoff),
            ConnectionEventKind::Connecting(_) => Some(Self::Attempt),
            ConnectionEventKind::TransportOpen(_) => Some(Self::Open),
            ConnectionEventKind::Welcome(..) => Some(Self::Welcome),
            ConnectionEventKind::Fresh => Some(Self::Fresh),
            ConnectionEventKind::Ping
            | ConnectionEventKind::Pong { .. }
            | ConnectionEventKind::Missed
            | ConnectionEventKind::Online
            | ConnectionEventKind::Closed => None,
        }
    }
}

/// Selects the relevant events and converts their times to the server's clock.
pub(crate) fn moments(events: &[ConnectionEvent], clock_offset_micros: i64) -> Vec<Moment> {
    let moment = |event: &ConnectionEvent| {
        let kind = MomentKind::of(event.kind)?;
        Some(Moment { at: event.at.shifted_by_micros(clock_offset_micros), kind })
    };
    events.iter().filter_map(moment).collect()
}

#[cfg(test)]
mod tests {
    use sluice_bridge::SessionStart;
    use sluice_shared::mode::Transport;

    use super::*;

    #[test]
    fn a_recovery_is_told_on_the_servers_clock_without_heartbeats() {
        let event = |millis, kind| ConnectionEvent { at: Time::from_millis(millis), kind };
        let events = [
            event(10, ConnectionEventKind::Ping),
            event(20, ConnectionEventKind::Dead),
            event(21, ConnectionEventKind::Backoff { until: Time::from_millis(90) }),
            event(90, ConnectionEventKind::Connecting(Transport::WebSocket)),
            event(95, ConnectionEventKind::TransportOpen(Transport::WebSocket)),
            event(96, ConnectionEventKind::Welcome(Transport::WebSocket, SessionStart::Resumed)),
            event(97, ConnectionEventKind::Fresh),
        ];
        let moments = moments(&events, -5_000);
        let kinds: Vec<_> = moments.iter().map(|moment| moment.kind).collect();
        let expected = [
            MomentKind::Lost,
            MomentKind::Backoff,
            MomentKind::Attempt,
            MomentKind::Open,
            MomentKind::Welcome,
            MomentKind::Fresh,
        ];
        assert_eq!(kinds, expected);
        assert_eq!(moments[0].at, Time::from_millis(15));
    }
}
