//! Transport race: which transports a lane tries side by side, and when each attempt starts.
//!
//! A lane with fallback races WebTransport, which has a head start, against WebSocket; the first to open is
//! used. On the fallback, WebTransport is retried in the background. Without fallback, the race has a single
//! participant. The race only decides; the connection state machine queues the actions.

use core::time::Duration;

use sluice_shared::mode::{Mode, Transport};
use sluice_shared::time::{Time, micros};

use sluice_bridge::TransportOpenTimes;

/// Purpose of a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RacePurpose {
    /// The lane has no connection.
    Connect,
    /// The current connection does not respond.
    Rescue,
    /// The lane is on its fallback and retries its own transport.
    Return,
}

/// Race between transports. It only decides; the driver opens and closes.
#[derive(Debug)]
pub(super) struct TransportRace {
    preferred: Mode,
    falls_back: bool,
    running: Option<ActiveRace>,
    /// Consecutive WebTransport attempts that did not open.
    failures: u32,
    /// Earliest time of the next WebTransport attempt: browsers delay a page that keeps failing (see
    /// `transport::probe`).
    rests_until: Time,
    /// Time at which the lane's own transport is retried; set only on the fallback.
    returns_at: Option<Time>,
    /// Earliest time at which an unresponsive connection may start a race.
    next_rescue: Time,
    times: TransportOpenTimes,
}

#[derive(Debug)]
struct ActiveRace {
    purpose: RacePurpose,
    began: Time,
    /// Attempts that are not due yet, with their start times.
    waiting: Vec<(Mode, Time)>,
    trying: Vec<Mode>,
    gives_up_at: Time,
}

impl TransportRace {
    /// Minimum head start of WebTransport over WebSocket; twice the round trip if that is longer.
    const HEAD_START: Duration = Duration::from_millis(250);
    /// Time from an unanswered heartbeat until other transports are tried.
    pub(super) const SILENCE: Duration = Duration::from_secs(2);
    /// Maximum duration of a race beside an unresponsive connection.
    const RESCUE: Duration = Duration::from_secs(10);
    /// Interval between attempts to return to WebTransport.
    const RETURN_EVERY: Duration = Duration::from_secs(30);
    /// Maximum duration of such an attempt, which the browser may delay by a minute.
    const RETURN: Duration = Duration::from_secs(75);
    /// Pause of WebTransport after its first failure; doubles with each further one.
    const FIRST_REST: Duration = Duration::from_secs(1);
    /// Maximum pause of WebTransport.
    const LONGEST_REST: Duration = Duration::from_secs(30);

    /// Creates the race of a lane that is set to `preferred`.
    pub(super) fn new(preferred: Mode, falls_back: bool) -> Self {
        Self {
            preferred,
            falls_back: false,
            running: None,
            failures: 0,
            rests_until: Time::ZERO,
            returns_at: None,
            next_rescue: Time::ZERO,
            times: TransportOpenTimes::default(),
        }
        .with_fallback(falls_back)
    }

    fn with_fallback(mut self, falls_back: bool) -> Self {
        self.set_falls_back(falls_back);
        self
    }

    /// Enables or disables the fallback to WebSocket; only WebTransport falls back.
    pub(super) fn set_falls_back(&mut self, falls_back: bool) {
        self.falls_back = falls_back && self.preferred.transport() == Transport::WebTransport;
    }

    /// True if the lane may fall back to WebSocket.
    pub(super) const fn falls_back(&self) -> bool {
        self.falls_back
    }

    /// Begins a race, which replaces an earlier one.
    pub(super) fn begin(&mut self, purpose: RacePurpose, rtt: Option<Duration>, now: Time) {
        let head_start = rtt.map_or(Self::HEAD_START, |rtt| Self::HEAD_START.max(rtt * 2));
        let is_resting = self.falls_back && now < self.rests_until && purpose != RacePurpose::Return;
        let mut waiting = Vec::new();
        if !is_resting {
            waiting.push((self.preferred, now));
        }
        if self.falls_back && purpose != RacePurpose::Return {
            waiting.push((Mode::WebSocket, if is_resting { now } else { now + head_start }));
        }
        let patience = if purpose == RacePurpose::Return { Self::RETURN } else { Self::RESCUE };
        self.running = Some(ActiveRace {
            purpose,
            began: now,
            waiting,
            trying: Vec::new(),
            gives_up_at: now + patience,
        });
        self.returns_at = None;
        self.next_rescue = now + Self::SILENCE;
        if purpose != RacePurpose::Return {
            self.times = TransportOpenTimes::default();
        }
    }

    /// Returns the next transport whose attempt is due.
    pub(super) fn poll_start(&mut self, now: Time) -> Option<Mode> {
        let running = self.running.as_mut()?;
        let at = running.waiting.iter().position(|(_, due)| *due <= now)?;
        let (mode, _) = running.waiting.remove(at);
        running.trying.push(mode);
        Some(mode)
    }

    /// Handles an attempt that ended without opening, and makes the next one due at once. `counts` is whether
    /// the transport is to blame.
    pub(super) fn handle_out(&mut self, mode: Mode, counts: bool, now: Time) {
        if counts && mode.transport() == Transport::WebTransport {
            self.note_failure(now);
        }
        if let Some(running) = &mut self.running {
            running.trying.retain(|other| *other != mode);
            running.waiting.iter_mut().for_each(|(_, due)| *due = now);
        }
    }

    /// True if a race is in progress and no participant is left.
    pub(super) fn is_decided(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.waiting.is_empty() && running.trying.is_empty())
    }

    /// Ends the race, because a transport has opened. Returns the time at which it began.
    pub(super) fn handle_won(&mut self, mode: Mode, now: Time) -> Time {
        let (began, purpose) =
            self.running.take().map_or((now, RacePurpose::Connect), |race| (race.began, race.purpose));
        if purpose == RacePurpose::Return {
            self.times = TransportOpenTimes::default();
        }
        let took = Some(micros(now.since(began)));
        match mode.transport() {
            Transport::WebTransport => {
                self.times.webtransport_micros = took;
                self.failures = 0;
            }
            Transport::WebSocket => self.times.websocket_micros = took,
        }
        let is_fallback = mode.transport() != self.preferred.transport();
        self.returns_at = is_fallback.then(|| now + Self::RETURN_EVERY);
        began
    }

    /// Ends the race without a winner. An unfinished WebTransport attempt counts as a failure.
    pub(super) fn handle_given_up(&mut self, now: Time) {
        let Some(running) = self.running.take() else { return };
        if running.trying.iter().any(|mode| mode.transport() == Transport::WebTransport) {
            self.note_failure(now);
        }
        if running.purpose == RacePurpose::Return {
            self.returns_at = Some(now + Self::RETURN_EVERY);
        }
    }

    /// Ends the pause of WebTransport and any wait before returning to it, because the network is back.
    pub(super) fn handle_online(&mut self, now: Time) {
        self.rests_until = now;
        self.returns_at = self.returns_at.map(|at| at.min(now));
    }

    /// Cancels the race without counting failures.
    pub(super) fn cancel(&mut self) {
        self.running = None;
        self.returns_at = None;
    }

    /// Returns the purpose of the race in progress.
    pub(super) fn purpose(&self) -> Option<RacePurpose> {
        self.running.as_ref().map(|running| running.purpose)
    }

    /// Turns a rescue into a race for a connection, because the connection to be rescued is gone. Returns the
    /// time at which it began; `None` if there was no rescue.
    pub(super) fn handle_nothing_to_rescue(&mut self) -> Option<Time> {
        let running = self.running.as_mut().filter(|running| running.purpose == RacePurpose::Rescue)?;
        running.purpose = RacePurpose::Connect;
        Some(running.began)
    }

    /// Returns when to rescue a connection that has not responded since `unanswered_since`; `None` without
    /// fallback or during a race.
    pub(super) fn rescue_at(&self, unanswered_since: Time) -> Option<Time> {
        (self.falls_back && self.running.is_none())
            .then(|| (unanswered_since + Self::SILENCE).max(self.next_rescue))
    }

    /// True if the race has reached its maximum duration. A race for a connection is limited by the
    /// connection state instead.
    pub(super) fn is_overdue(&self, now: Time) -> bool {
        self.gives_up_at().is_some_and(|at| at <= now)
    }

    /// Returns when the next transport starts or the race ends, and which of the two.
    pub(super) fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        let starts = self.running.iter().flat_map(|running| &running.waiting);
        starts
            .map(|(_, due)| (*due, "next transport"))
            .chain(self.gives_up_at().map(|at| (at, "end of the race")))
            .min_by_key(|(at, _)| *at)
    }

    /// Returns when the lane's own transport is retried; `None` unless the lane is on its fallback.
    pub(super) const fn return_at(&self) -> Option<Time> {
        self.returns_at
    }

    /// Returns how long each transport took to open in the last race; `None` without fallback.
    pub(super) fn transport_open_times(&self) -> Option<TransportOpenTimes> {
        self.falls_back.then_some(self.times)
    }

    fn gives_up_at(&self) -> Option<Time> {
        let running = self.running.as_ref().filter(|running| running.purpose != RacePurpose::Connect)?;
        Some(running.gives_up_at)
    }

    fn note_failure(&mut self, now: Time) {
        self.failures = self.failures.saturating_add(1);
        self.rests_until = now + Self::rest_after(self.failures);
    }

    /// Returns the pause of WebTransport after this many consecutive failures.
    pub(super) fn rest_after(failures: u32) -> Duration {
        Self::FIRST_REST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(Self::LONGEST_REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn started(race: &mut TransportRace, now: Time) -> Vec<Mode> {
        core::iter::from_fn(|| race.poll_start(now)).collect()
    }

    fn begun(purpose: RacePurpose, rtt_ms: Option<u64>) -> TransportRace {
        let mut race = TransportRace::new(Mode::StreamPerTopic, true);
        race.begin(purpose, rtt_ms.map(Duration::from_millis), at(1_000));
        race
    }

    #[test]
    fn webtransport_has_a_head_start_of_a_quarter_of_a_second_or_two_round_trips() {
        for (rtt_ms, head_start) in [(None, 250), (Some(20), 250), (Some(300), 600)] {
            let mut race = begun(RacePurpose::Connect, rtt_ms);
            assert_eq!(started(&mut race, at(1_000)), [Mode::StreamPerTopic]);
            assert_eq!(race.poll_timeout(), Some((at(1_000 + head_start), "next transport")));
            assert_eq!(started(&mut race, at(999 + head_start)), []);
            assert_eq!(started(&mut race, at(1_000 + head_start)), [Mode::WebSocket]);
        }
    }

    #[test]
    fn a_lane_that_does_not_fall_back_and_one_that_is_a_websocket_race_with_nobody() {
        for (mode, falls_back) in
            [(Mode::Datagrams, false), (Mode::WebSocket, true), (Mode::WebSocketStream, true)]
        {
            let mut race = TransportRace::new(mode, falls_back);
            race.begin(RacePurpose::Connect, None, at(0));
            assert_eq!(started(&mut race, at(60_000)), [mode]);
            assert_eq!((race.rescue_at(at(0)), race.transport_open_times()), (None, None));
            race.handle_won(mode, at(10));
            assert_eq!(
                (race.poll_timeout(), race.return_at()),
                (None, None),
                "there is nothing to get back to"
            );
        }
    }

    #[test]
    fn websocket_starts_at_once_when_webtransport_is_refused() {
        let mut race = begun(RacePurpose::Connect, None);
        started(&mut race, at(1_000));
        race.handle_out(Mode::StreamPerTopic, true, at(1_010));
        assert!(!race.is_decided());
        assert_eq!(started(&mut race, at(1_010)), [Mode::WebSocket]);
        race.handle_out(Mode::WebSocket, true, at(1_020));
        assert!(race.is_decided());
    }

    #[test]
    fn both_times_are_reported_from_the_races_beginning() {
        let mut race = begun(RacePurpose::Connect, None);
        started(&mut race, at(1_250));
        assert_eq!(race.handle_won(Mode::WebSocket, at(1_300)), at(1_000));
        let times = TransportOpenTimes { webtransport_micros: None, websocket_micros: Some(300_000) };
        assert_eq!(race.transport_open_times(), Some(times));
    }

    #[test]
    fn webtransport_that_keeps_failing_rests_while_websocket_is_tried() {
        let mut race = begun(RacePurpose::Connect, None);
        for (failures, rest_secs) in (1..).zip([1, 2, 4, 8, 16, 30, 30]) {
            race.begin(RacePurpose::Connect, None, at(1_000));
            race.handle_given_up(at(1_000));
            race.failures = failures - 1;
            race.begin(RacePurpose::Return, None, at(1_000));
            started(&mut race, at(1_000));
            race.handle_out(Mode::StreamPerTopic, true, at(1_000));
            race.begin(RacePurpose::Connect, None, at(999 + rest_secs * 1_000));
            assert_eq!(started(&mut race, at(999 + rest_secs * 1_000)), [Mode::WebSocket]);
            race.begin(RacePurpose::Connect, None, at(1_000 + rest_secs * 1_000));
            assert_eq!(started(&mut race, at(1_000 + rest_secs * 1_000)), [Mode::StreamPerTopic]);
        }
    }

    #[test]
    fn a_lane_on_its_fallback_tries_to_get_back_every_half_minute() {
        let mut race = begun(RacePurpose::Connect, None);
        started(&mut race, at(1_250));
        race.handle_won(Mode::WebSocket, at(2_000));
        assert_eq!(race.return_at(), Some(at(32_000)));
        race.begin(RacePurpose::Return, None, at(32_000));
        assert_eq!(started(&mut race, at(90_000)), [Mode::StreamPerTopic], "WebSocket is what it has");
        assert!(race.is_overdue(at(107_000)) && !race.is_overdue(at(106_999)));
        race.handle_given_up(at(107_000));
        assert_eq!(race.return_at(), Some(at(137_000)));
        race.handle_online(at(109_000));
        assert_eq!(race.return_at(), Some(at(109_000)), "the network's return is reason enough");
        race.begin(RacePurpose::Return, None, at(109_000));
        started(&mut race, at(109_000));
        race.handle_won(Mode::StreamPerTopic, at(109_050));
        assert_eq!((race.poll_timeout(), race.return_at()), (None, None));
        let times = TransportOpenTimes { webtransport_micros: Some(50_000), websocket_micros: None };
        assert_eq!(race.transport_open_times(), Some(times));
    }

    #[test]
    fn a_silent_connection_is_rescued_after_two_seconds_and_again_only_after_the_race() {
        let mut race = begun(RacePurpose::Connect, None);
        race.handle_won(Mode::StreamPerTopic, at(1_100));
        assert_eq!(race.rescue_at(at(10_000)), Some(at(12_000)));
        race.begin(RacePurpose::Rescue, None, at(12_000));
        assert_eq!(race.rescue_at(at(10_000)), None);
        assert!(race.is_overdue(at(22_000)));
        race.handle_given_up(at(22_000));
        assert_eq!(race.rescue_at(at(10_000)), Some(at(14_000)), "it is overdue, so the next race is due");
    }

    #[test]
    fn a_race_to_rescue_goes_on_when_the_connection_dies_and_one_to_return_does_not() {
        let mut race = begun(RacePurpose::Rescue, None);
        assert_eq!(race.handle_nothing_to_rescue(), Some(at(1_000)));
        assert_eq!(race.purpose(), Some(RacePurpose::Connect));
        assert!(!race.is_overdue(at(60_000)), "the link's patience counts");
        race.begin(RacePurpose::Return, None, at(2_000));
        assert_eq!(race.handle_nothing_to_rescue(), None);
    }
}
