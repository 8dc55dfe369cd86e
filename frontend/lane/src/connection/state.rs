//! Connection state of a lane: whether it is open, when it reconnects, and when an attempt times out.
//! Owned by the connection state machine, which reports each attempt, success and loss; performs no IO.

use core::time::Duration;

use sluice_shared::mode::{Mode, Transport};
use sluice_shared::session::Backoff;
use sluice_shared::time::{Time, micros};

use super::close_reason::{CloseReason, port_of};
use super::race::TransportRace;
use crate::labels::sentence;
use sluice_bridge::{Connection, Endpoints};
use sluice_text::format;

/// Connection state of a lane. It only decides; the driver opens and closes.
#[derive(Debug)]
pub(super) struct ConnectionState {
    connection: Connection,
    backoff: Backoff,
    /// True if a connection has been ready since the lane was opened.
    was_ever_ready: bool,
    /// Consecutive attempts that did not become ready.
    failed_tries: u32,
    /// Time at which the current attempt is given up.
    gives_up_at: Time,
}

impl ConnectionState {
    /// Timeout of an attempt that does not become ready.
    const PATIENCE: Duration = Duration::from_secs(10);
    /// Minimum timeout of the first attempt after a loss; ten round trips if that is longer. Doubles with
    /// each further attempt.
    const SHORT_PATIENCE: Duration = Duration::from_secs(3);
    /// Timeout of later WebTransport attempts. The browser may delay them by a minute (see
    /// `transport::probe`) and gives the handshake itself 10 s.
    const HELD_BACK_PATIENCE: Duration = Duration::from_secs(75);
    /// Minimum duration of a stable connection, whose loss resets the backoff.
    const HELD: Duration = Duration::from_secs(5);
    /// Failed attempts after which the reason suggests a possible cause.
    const SUSPICIOUS: u32 = 2;

    /// Creates the state of an idle lane. `seed` determines its backoff.
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            connection: Connection::Idle,
            backoff: Backoff::new(seed),
            was_ever_ready: false,
            failed_tries: 0,
            gives_up_at: Time::ZERO,
        }
    }

    /// Returns the state as shown on the page.
    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// True if data may flow.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.connection, Connection::Open { .. })
    }

    /// Handles the opening of the lane: discards what was learnt from an earlier set-up.
    pub(super) fn handle_opened(&mut self) {
        self.backoff.reset();
        (self.was_ever_ready, self.failed_tries) = (false, 0);
    }

    /// Handles a change of the server's address: discards what was learnt about the path to it.
    pub(super) fn handle_moved(&mut self) {
        self.backoff.reset();
        self.failed_tries = 0;
    }

    /// True if the server should be probed before the next attempt.
    pub(super) fn wants_probe(&self, mode: Mode) -> bool {
        mode.transport() == Transport::WebTransport && self.is_retry()
    }

    /// Handles the start of an attempt; `rtt` is the last known round trip. A WebTransport attempt that the
    /// browser may delay gets a long timeout only without fallback to WebSocket.
    pub(super) fn handle_try(&mut self, mode: Mode, falls_back: bool, rtt: Option<Duration>, now: Time) {
        let is_held_back = self.wants_probe(mode) && !falls_back;
        let patience = if is_held_back { Self::HELD_BACK_PATIENCE } else { self.patience(rtt) };
        self.gives_up_at = now + patience;
        self.connection = Connection::Connecting { since: now };
    }

    /// Returns the timeout of an attempt. The default allows for TCP's retransmissions of its SYN. It is
    /// shorter if the path is known, since an attempt that began in an outage retries ever more slowly, while
    /// a new one sends at once. It grows with each failed attempt.
    fn patience(&self, rtt: Option<Duration>) -> Duration {
        let Some(rtt) = rtt.filter(|_| self.was_ever_ready) else { return Self::PATIENCE };
        let patience = Self::SHORT_PATIENCE.max(rtt.saturating_mul(10));
        patience.saturating_mul(1 << self.failed_tries.min(4)).min(Self::PATIENCE)
    }

    /// Waits for a Welcome, because a transport has opened, or because the connection was lost while others
    /// have been tried since `began`.
    pub(super) fn handle_under_way(&mut self, began: Time, now: Time) {
        self.gives_up_at = self.gives_up_at.max(now + Self::PATIENCE);
        self.connection = Connection::Connecting { since: began };
    }

    const fn is_retry(&self) -> bool {
        self.was_ever_ready || self.failed_tries > 0
    }

    /// Handles the server's Welcome on a connection of `mode`. Returns whether the lane had been ready
    /// before.
    pub(super) fn handle_ready(&mut self, mode: Mode, now: Time) -> bool {
        let began = match self.connection {
            Connection::Connecting { since } => since,
            Connection::Idle
            | Connection::Open { .. }
            | Connection::Waiting { .. }
            | Connection::Failed { .. } => now,
        };
        self.connection = Connection::Open { since: now, ready_after_micros: micros(now.since(began)), mode };
        self.failed_tries = 0;
        core::mem::replace(&mut self.was_ever_ready, true)
    }

    /// Handles the end of the connection and schedules another attempt. A lane with fallback races at once
    /// after losing a stable connection, and its race handles the pause of WebTransport.
    pub(super) fn handle_end(
        &mut self,
        end: &CloseReason,
        mode: Mode,
        falls_back: bool,
        endpoints: &Endpoints,
        now: Time,
    ) {
        let mut wait = self.backoff.next_delay();
        match self.connection {
            Connection::Open { since, .. } if now.since(since) >= Self::HELD => {
                self.backoff.reset();
                wait = if falls_back { Duration::ZERO } else { self.backoff.next_delay() };
            }
            Connection::Connecting { .. } if *end != CloseReason::Unreachable => {
                self.failed_tries = self.failed_tries.saturating_add(1);
                if mode.transport() == Transport::WebTransport && !falls_back {
                    wait = wait.max(TransportRace::rest_after(self.failed_tries));
                }
            }
            Connection::Idle
            | Connection::Connecting { .. }
            | Connection::Open { .. }
            | Connection::Waiting { .. }
            | Connection::Failed { .. } => {}
        }
        let reason = self.describe(end, mode, endpoints);
        self.connection = Connection::Waiting { reason, retry_at: now + wait };
    }

    /// Gives up, because retrying cannot help.
    pub(super) fn handle_hopeless(&mut self, reason: String) {
        self.connection = Connection::Failed { reason };
    }

    /// Handles the closing of the lane.
    pub(super) fn handle_closed(&mut self) {
        self.connection = Connection::Idle;
    }

    /// Makes a scheduled attempt due at once, because the network is back.
    pub(super) fn handle_online(&mut self, now: Time) {
        if let Connection::Waiting { retry_at, .. } = &mut self.connection {
            *retry_at = now;
        }
    }

    /// Returns when the current attempt is given up, or the next one begins.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        match self.connection {
            Connection::Connecting { .. } => Some(self.gives_up_at),
            Connection::Waiting { retry_at, .. } => Some(retry_at),
            Connection::Idle | Connection::Open { .. } | Connection::Failed { .. } => None,
        }
    }

    fn describe(&self, end: &CloseReason, mode: Mode, endpoints: &Endpoints) -> String {
        let transport = mode.transport();
        if transport == Transport::WebTransport && !self.was_ever_ready {
            let port = port_of(&endpoints.webtransport);
            match end {
                CloseReason::TimedOut => {
                    return format!(
                        "UDP port {port} does not answer: a firewall or proxy may block UDP. WebSocket lanes still work."
                    );
                }
                // A single refusal may come from a server that is starting.
                CloseReason::Broken(_) if self.failed_tries >= Self::SUSPICIOUS => {
                    return format!(
                        "UDP port {port} refuses WebTransport: a firewall or proxy may block UDP, or the server's \
                         certificate is another one. WebSocket lanes still work."
                    );
                }
                CloseReason::Broken(_)
                | CloseReason::PeerClosed(_)
                | CloseReason::Unreachable
                | CloseReason::Unresponsive(_) => {}
            }
        }
        match (end, transport) {
            (CloseReason::PeerClosed(reason) | CloseReason::Broken(reason), _) => sentence(reason),
            (CloseReason::Unreachable, _) => "The server does not answer.".into(),
            (CloseReason::TimedOut, Transport::WebTransport) => "WebTransport was not ready in time.".into(),
            (CloseReason::TimedOut, Transport::WebSocket) => "WebSocket was not ready in time.".into(),
            (CloseReason::Unresponsive(after), _) => {
                format!("The server was silent for {} after a heartbeat.", format::span(micros(*after)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints() -> Endpoints {
        Endpoints {
            websocket: "ws://localhost:8080/ws".into(),
            webtransport: "https://127.0.0.1:4433/wt".into(),
            certificate_hashes: Vec::new(),
        }
    }

    fn broken() -> CloseReason {
        CloseReason::Broken("Connection lost.".into())
    }

    fn reason(state: &ConnectionState) -> &str {
        let Connection::Waiting { reason, .. } = state.connection() else { panic!("not waiting: {state:?}") };
        reason
    }

    #[test]
    fn a_lost_connection_is_tried_again_after_a_wait() {
        let mut state = ConnectionState::new(1);
        state.handle_try(Mode::WebSocket, false, None, Time::from_millis(100));
        assert!(!state.handle_ready(Mode::WebSocket, Time::from_millis(130)));
        let open = Connection::Open {
            since: Time::from_millis(130),
            ready_after_micros: 30_000,
            mode: Mode::WebSocket,
        };
        assert_eq!(state.connection(), &open);
        let lost_at = Time::from_millis(60_000);
        state.handle_end(&broken(), Mode::WebSocket, false, &endpoints(), lost_at);
        let retry_at = state.poll_timeout().expect("a try is due");
        assert!(retry_at <= lost_at + Backoff::FIRST);
        state.handle_try(Mode::WebSocket, false, None, retry_at);
        assert!(state.handle_ready(Mode::WebSocket, retry_at + Duration::from_millis(5)));
    }

    #[test]
    fn a_lane_that_falls_back_races_at_once_when_what_it_loses_has_held() {
        for (held_secs, wants_race_at_once) in [(60, true), (1, false)] {
            let mut state = ConnectionState::new(1);
            state.handle_try(Mode::OneStream, true, None, Time::ZERO);
            state.handle_ready(Mode::OneStream, Time::ZERO);
            let lost_at = Time::from_millis(held_secs * 1_000);
            state.handle_end(&broken(), Mode::OneStream, true, &endpoints(), lost_at);
            assert_eq!(state.poll_timeout() == Some(lost_at), wants_race_at_once);
            // The race handles the pause of WebTransport, so WebSocket may be tried soon.
            for failed in 0..6 {
                state.handle_try(Mode::OneStream, true, None, lost_at);
                assert_eq!(
                    state.poll_timeout(),
                    Some(lost_at + ConnectionState::PATIENCE),
                    "after {failed} failures"
                );
                state.handle_end(&broken(), Mode::OneStream, true, &endpoints(), lost_at);
                assert!(state.poll_timeout().is_some_and(|at| at <= lost_at + Backoff::LONGEST));
            }
        }
    }

    #[test]
    fn a_switch_between_transports_counts_from_the_beginning_of_the_race() {
        let mut state = ConnectionState::new(1);
        state.handle_try(Mode::OneStream, true, None, Time::ZERO);
        state.handle_ready(Mode::OneStream, Time::from_millis(50));
        state.handle_under_way(Time::from_millis(9_000), Time::from_millis(9_300));
        assert_eq!(state.poll_timeout(), Some(Time::from_millis(9_300) + ConnectionState::PATIENCE));
        assert!(state.handle_ready(Mode::WebSocket, Time::from_millis(9_400)));
        let Connection::Open { ready_after_micros, mode, .. } = state.connection() else {
            panic!("{state:?}")
        };
        assert_eq!((*ready_after_micros, *mode), (400_000, Mode::WebSocket));
    }

    #[test]
    fn a_try_on_a_known_way_is_given_up_sooner_unless_others_have_failed() {
        let patience = |state: &mut ConnectionState, rtt_ms: Option<u64>| {
            let rtt = rtt_ms.map(Duration::from_millis);
            state.handle_try(Mode::WebSocket, false, rtt, Time::ZERO);
            state.poll_timeout().map(|at| at.as_micros() / 1_000)
        };
        let mut state = ConnectionState::new(1);
        assert_eq!(patience(&mut state, Some(20)), Some(10_000), "the first try of all");
        state.handle_ready(Mode::WebSocket, Time::ZERO);
        state.handle_end(&broken(), Mode::WebSocket, false, &endpoints(), Time::ZERO);
        assert_eq!(patience(&mut state, None), Some(10_000));
        assert_eq!(patience(&mut state, Some(600)), Some(6_000));
        for expected in [3_000, 6_000, 10_000, 10_000] {
            assert_eq!(patience(&mut state, Some(20)), Some(expected));
            state.handle_end(&CloseReason::TimedOut, Mode::WebSocket, false, &endpoints(), Time::ZERO);
        }
    }

    #[test]
    fn connections_that_do_not_hold_make_longer_waits() {
        let mut state = ConnectionState::new(1);
        let mut longest = Duration::ZERO;
        for second in 0..30 {
            let now = Time::from_millis(second * 1_000);
            state.handle_try(Mode::WebSocket, false, None, now);
            state.handle_ready(Mode::WebSocket, now);
            state.handle_end(&broken(), Mode::WebSocket, false, &endpoints(), now);
            longest = longest.max(state.poll_timeout().map_or(Duration::ZERO, |at| at.since(now)));
        }
        assert!(longest > Duration::from_secs(4), "{longest:?}");
    }

    #[test]
    fn blocked_udp_is_suspected_after_two_tries_that_never_got_ready() {
        let mut state = ConnectionState::new(1);
        for (seen, expected) in [(0, "Opening handshake failed."), (1, "UDP port 4433 refuses WebTransport")]
        {
            state.handle_try(Mode::Datagrams, false, None, Time::from_millis(seen));
            let end = CloseReason::Broken("Opening handshake failed.".into());
            state.handle_end(&end, Mode::Datagrams, false, &endpoints(), Time::from_millis(seen));
            assert!(reason(&state).starts_with(expected), "{}", reason(&state));
        }
    }

    #[test]
    fn udp_that_is_swallowed_is_suspected_at_once() {
        let mut state = ConnectionState::new(1);
        state.handle_try(Mode::WebSocket, false, None, Time::ZERO);
        state.handle_end(
            &CloseReason::TimedOut,
            Mode::OneStream,
            false,
            &endpoints(),
            Time::ZERO + ConnectionState::PATIENCE,
        );
        assert!(reason(&state).starts_with("UDP port 4433 does not answer"), "{}", reason(&state));
    }

    #[test]
    fn failed_handshakes_of_webtransport_are_spaced_out() {
        let mut state = ConnectionState::new(1);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            state.handle_try(Mode::OneStream, false, None, Time::ZERO);
            state.handle_end(&broken(), Mode::OneStream, false, &endpoints(), Time::ZERO);
            let retry_at = state.poll_timeout().expect("a try is due");
            assert!(retry_at >= Time::from_millis(seconds * 1_000), "{retry_at:?}");
        }
        assert!(state.wants_probe(Mode::OneStream) && !state.wants_probe(Mode::WebSocket));
    }

    #[test]
    fn a_server_that_is_down_is_no_failed_handshake() {
        let mut state = ConnectionState::new(1);
        for _ in 0..10 {
            state.handle_try(Mode::OneStream, false, None, Time::ZERO);
            state.handle_end(&CloseReason::Unreachable, Mode::OneStream, false, &endpoints(), Time::ZERO);
            assert_eq!(reason(&state), "The server does not answer.");
            assert!(state.poll_timeout().is_some_and(|at| at <= Time::ZERO + Backoff::LONGEST));
        }
    }

    #[test]
    fn a_reason_that_was_reported_is_shown_as_it_is() {
        let mut state = ConnectionState::new(1);
        for millis in 0..3 {
            state.handle_try(Mode::WebSocket, false, None, Time::from_millis(millis));
            let end = CloseReason::PeerClosed("The server is full.".into());
            state.handle_end(&end, Mode::OneStream, false, &endpoints(), Time::from_millis(millis));
            assert_eq!(reason(&state), "The server is full.");
        }
    }

    #[test]
    fn a_network_that_is_back_is_tried_at_once() {
        let mut state = ConnectionState::new(1);
        state.handle_try(Mode::WebSocket, false, None, Time::ZERO);
        state.handle_end(
            &CloseReason::TimedOut,
            Mode::WebSocket,
            false,
            &endpoints(),
            Time::from_millis(10_000),
        );
        state.handle_online(Time::from_millis(10_001));
        assert_eq!(state.poll_timeout(), Some(Time::from_millis(10_001)));
    }

    #[test]
    fn a_lane_that_is_hopeless_or_closed_tries_no_more() {
        let mut state = ConnectionState::new(1);
        state.handle_try(Mode::WebSocket, false, None, Time::ZERO);
        assert_eq!(state.poll_timeout(), Some(Time::ZERO + ConnectionState::PATIENCE));
        state.handle_hopeless("No WebTransport here.".into());
        state.handle_online(Time::from_millis(1));
        assert_eq!(state.poll_timeout(), None);
        state.handle_closed();
        assert_eq!(state.connection(), &Connection::Idle);
    }
}
