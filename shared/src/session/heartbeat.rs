//! Asking the other end for signs of life.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// How often the server is asked for a sign of life, and how long it may owe one.
///
/// A server that dies is noticed within [`Heartbeat::interval`] + [`Heartbeat::timeout`]: it is asked at the latest one
/// interval after it was last heard of, and given up when nothing at all has come for one timeout after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// From one ping to the next, [`Heartbeat::MIN_INTERVAL`] to [`Heartbeat::MAX_INTERVAL`].
    pub interval: Duration,
    /// From the first ping after which nothing was heard to the end, [`Heartbeat::MIN_TIMEOUT`] to
    /// [`Heartbeat::MAX_TIMEOUT`].
    pub timeout: Duration,
}

impl Heartbeat {
    /// The shortest interval.
    pub const MIN_INTERVAL: Duration = Duration::from_millis(100);
    /// The longest interval.
    pub const MAX_INTERVAL: Duration = Duration::from_secs(30);
    /// The shortest timeout.
    pub const MIN_TIMEOUT: Duration = Duration::from_millis(500);
    /// The longest timeout.
    pub const MAX_TIMEOUT: Duration = Duration::from_secs(60);
    /// The interval at most while an answer is overdue: on QUIC, each ping also shows the server the client's newest
    /// address.
    pub const SUSPICIOUS: Duration = Duration::from_millis(250);

    /// The interval at most between the first two pings of a connection: the clocks are compared by both.
    pub const FIRST_INTERVAL: Duration = Duration::from_secs(1);

    /// The nearest heartbeat within the ranges.
    pub fn within_range(self) -> Self {
        Self {
            interval: self.interval.clamp(Self::MIN_INTERVAL, Self::MAX_INTERVAL),
            timeout: self.timeout.clamp(Self::MIN_TIMEOUT, Self::MAX_TIMEOUT),
        }
    }
}

impl Default for Heartbeat {
    /// Every second, dead after 10 s.
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), timeout: Duration::from_secs(10) }
    }
}

/// Whether the other end still answers. Anything that is heard proves life, not only a pong.
#[derive(Clone, Debug)]
pub(super) struct Pulse {
    settings: Heartbeat,
    ping_due: Time,
    heard_at: Time,
    /// When the first ping left after which nothing has been heard.
    unanswered_since: Option<Time>,
    /// True once the connection's first ping has been sent.
    has_pinged: bool,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A ping.
    Ping,
    /// A ping, and the one before it is unanswered.
    PingAfterMiss,
    /// The end: nothing was heard for the timeout.
    Dead,
}

impl Pulse {
    pub(super) fn new(settings: Heartbeat, now: Time) -> Self {
        Self {
            settings: settings.within_range(),
            ping_due: now,
            heard_at: now,
            unanswered_since: None,
            has_pinged: false,
        }
    }

    /// Another heartbeat: the next ping is due at once, as the one that is due may be far off.
    pub(super) fn set(&mut self, settings: Heartbeat, now: Time) {
        self.settings = settings.within_range();
        self.ping_due = self.ping_due.min(now);
    }

    /// A connection has begun: asks at once.
    pub(super) fn handle_connected(&mut self, now: Time) {
        *self = Self::new(self.settings, now);
    }

    /// Something has arrived.
    pub(super) const fn handle_heard(&mut self, now: Time) {
        (self.heard_at, self.unanswered_since) = (now, None);
    }

    pub(super) fn poll_timeout(&self) -> (Time, &'static str) {
        match self.dead_at() {
            Some(dead_at) if dead_at <= self.ping_due => (dead_at, "silence"),
            Some(_) | None => (self.ping_due, "heartbeat"),
        }
    }

    /// What is due by `now`; call it until nothing is.
    pub(super) fn poll_due(&mut self, now: Time) -> Option<Due> {
        if self.dead_at().is_some_and(|dead_at| dead_at <= now) {
            // The driver ends the connection; one that does not is told again after as long.
            self.unanswered_since = Some(now);
            return Some(Due::Dead);
        }
        if self.ping_due > now {
            return None;
        }
        let is_missed = self.unanswered_since.is_some();
        self.unanswered_since.get_or_insert(now);
        let is_first = !core::mem::replace(&mut self.has_pinged, true);
        let wait = if is_missed {
            self.settings.interval.min(Heartbeat::SUSPICIOUS)
        } else if is_first {
            self.settings.interval.min(Heartbeat::FIRST_INTERVAL)
        } else {
            self.settings.interval
        };
        self.ping_due = now + wait;
        Some(if is_missed { Due::PingAfterMiss } else { Due::Ping })
    }

    /// When something was last heard.
    pub(super) const fn heard_at(&self) -> Time {
        self.heard_at
    }

    /// When the first ping left after which nothing has been heard.
    pub(super) const fn unanswered_since(&self) -> Option<Time> {
        self.unanswered_since
    }

    fn dead_at(&self) -> Option<Time> {
        self.unanswered_since.map(|since| since + self.settings.timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::micros;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_second_ping_of_a_connection_comes_within_a_second() {
        let mut pulse = Pulse::new(heartbeat(5_000, 15_000), Time::ZERO);
        let mut pinged_at = Vec::new();
        for millis in 0..=12_000 {
            let now = Time::from_millis(millis);
            if pulse.poll_due(now).is_some() {
                pinged_at.push(millis);
                pulse.handle_heard(now);
            }
        }
        assert_eq!(pinged_at, [0, 1_000, 6_000, 11_000]);
    }

    const fn heartbeat(interval_ms: u64, timeout_ms: u64) -> Heartbeat {
        Heartbeat { interval: Duration::from_millis(interval_ms), timeout: Duration::from_millis(timeout_ms) }
    }

    /// Runs `pulse` up to `until`, waking it when it asks for it, and returns what was due when, milliseconds.
    fn run(pulse: &mut Pulse, until: Time) -> Vec<(u64, Due)> {
        let mut told = Vec::new();
        loop {
            let (now, _) = pulse.poll_timeout();
            if now > until {
                return told;
            }
            while let Some(due) = pulse.poll_due(now) {
                told.push((now.as_micros() / 1_000, due));
                if due == Due::Dead {
                    return told;
                }
            }
        }
    }

    #[test]
    fn a_dead_peer_is_noticed_within_interval_and_timeout_whenever_it_dies() {
        for settings in [heartbeat(1_000, 10_000), heartbeat(500, 1_500), heartbeat(30_000, 500)] {
            let bound = settings.interval + settings.timeout;
            for died_ms in (0..micros(settings.interval * 2) / 1_000).step_by(37) {
                let (mut pulse, died_at) = (Pulse::new(settings, Time::ZERO), Time::from_millis(died_ms));
                // It answers each ping at once until it dies.
                while pulse.poll_timeout().0 <= died_at {
                    let (now, _) = pulse.poll_timeout();
                    while let Some(due) = pulse.poll_due(now) {
                        assert_eq!(due, Due::Ping);
                    }
                    pulse.handle_heard(now);
                }
                let told = run(&mut pulse, Time::from_millis(200_000));
                let Some((dead_ms, Due::Dead)) = told.last().copied() else { panic!("{told:?}") };
                let noticed_after = Time::from_millis(dead_ms).since(died_at);
                assert!(noticed_after <= bound, "{settings:?}: noticed after {noticed_after:?}");
                assert!(noticed_after >= settings.timeout, "{settings:?}: {noticed_after:?}");
            }
        }
    }

    #[test]
    fn an_overdue_answer_is_asked_for_four_times_a_second_until_something_is_heard() {
        let mut pulse = Pulse::new(heartbeat(1_000, 10_000), Time::ZERO);
        let told = run(&mut pulse, Time::from_millis(1_600));
        use Due::{Ping, PingAfterMiss};
        assert_eq!(told, [(0, Ping), (1_000, PingAfterMiss), (1_250, PingAfterMiss), (1_500, PingAfterMiss)]);
        assert_eq!(pulse.unanswered_since(), Some(Time::ZERO));
        pulse.handle_heard(Time::from_millis(1_600));
        assert_eq!((pulse.unanswered_since(), pulse.heard_at()), (None, Time::from_millis(1_600)));
        let told = run(&mut pulse, Time::from_millis(2_100));
        assert_eq!(told, [(1_750, Ping)]);
        assert_eq!(pulse.poll_timeout().0, Time::from_millis(2_750));
    }

    #[test]
    fn whoever_is_heard_of_is_alive_however_short_the_timeout() {
        let mut pulse = Pulse::new(heartbeat(30_000, 500), Time::ZERO);
        assert_eq!(run(&mut pulse, Time::ZERO), [(0, Due::Ping)]);
        pulse.handle_heard(Time::from_millis(499));
        assert_eq!(run(&mut pulse, Time::from_millis(1_000)), [(1_000, Due::Ping)]);
        pulse.handle_heard(Time::from_millis(1_499));
        assert_eq!(run(&mut pulse, Time::from_millis(30_999)), []);
    }

    #[test]
    fn another_heartbeat_holds_from_the_next_ping_on() {
        let mut pulse = Pulse::new(heartbeat(30_000, 60_000), Time::ZERO);
        assert_eq!(run(&mut pulse, Time::ZERO), [(0, Due::Ping)]);
        pulse.handle_heard(Time::from_millis(1));
        pulse.set(heartbeat(0, 0), Time::from_millis(100));
        let told = run(&mut pulse, Time::from_millis(2_000));
        assert_eq!(told.first(), Some(&(100, Due::Ping)));
        assert_eq!(told.last(), Some(&(600, Due::Dead)), "out of range is brought within it");
    }
}
