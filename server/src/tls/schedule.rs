//! When certificates are made and served: a function of time alone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970 began, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnixTime(pub(super) i64);

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

impl UnixTime {
    /// The time that `clock` shows; 1970 when it is set before that.
    pub(super) fn of(clock: SystemTime) -> Self {
        let since = clock.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }

    const fn plus(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs))
    }
}

/// From when to when a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: UnixTime,
    pub(super) until: UnixTime,
}

/// The life of a pair of certificates: the one that is served, and its successor.
///
/// Browsers pin certificates by hash only when these hold for at most 14 days (W3C WebTransport, "custom certificate
/// requirements"). Each is served for 6 days; its successor exists, and is announced, from the first of these days.
/// A page that knows the pair can therefore connect for at least 6 days more.
///
/// ```text
/// A  served 0–6                    holds 0–13
/// B  announced 0–6, served 6–12    holds 0–13
/// C  announced 6–12, served 12–18  holds 6–19
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    served_since: UnixTime,
}

/// What has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Keep,
    /// The successor is served from now on, and has a successor made now.
    Advance,
    /// Both are of no use (the machine has slept, or its clock was set): make two.
    Renew,
}

impl Schedule {
    /// How long a certificate holds.
    const VALID_SECS: i64 = 13 * DAY;
    /// How long it is served.
    const SERVED_SECS: i64 = 6 * DAY;
    /// How long before it is made it begins to hold, for clients whose clocks are behind.
    const BACKDATED_SECS: i64 = HOUR;

    /// A pair of which the first is served from `now` on.
    pub(super) const fn starting(now: UnixTime) -> Self {
        Self { served_since: now }
    }

    /// How long a certificate that is made now holds.
    pub(super) const fn validity(now: UnixTime) -> Validity {
        let from = now.plus(-Self::BACKDATED_SECS);
        Validity { from, until: from.plus(Self::VALID_SECS) }
    }

    /// What has to be done now. After [`Step::Advance`] and [`Step::Renew`] another schedule starts.
    pub(super) fn step(self, now: UnixTime) -> Step {
        if now < self.served_since.plus(-Self::BACKDATED_SECS)
            || now >= self.served_since.plus(2 * Self::SERVED_SECS)
        {
            Step::Renew
        } else if now >= self.served_since.plus(Self::SERVED_SECS) {
            Step::Advance
        } else {
            Step::Keep
        }
    }

    /// Seconds until the pair changes and a page should ask for the hashes again; at least a minute.
    pub(super) fn refresh_secs(self, now: UnixTime) -> u64 {
        let left = self.served_since.plus(Self::SERVED_SECS).0.saturating_sub(now.0);
        u64::try_from(left).unwrap_or(0).max(60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime(1_800_000_000);

    fn at(days: i64) -> UnixTime {
        START.plus(days * DAY)
    }

    #[test]
    fn a_certificate_holds_for_less_than_fourteen_days() {
        let Validity { from, until } = Schedule::validity(START);
        assert!(from < START);
        assert_eq!(until.0 - from.0, 13 * DAY);
    }

    #[test]
    fn the_successor_is_served_after_six_days() {
        let schedule = Schedule::starting(START);
        assert_eq!(schedule.step(START), Step::Keep);
        assert_eq!(schedule.step(UnixTime(at(6).0 - 1)), Step::Keep);
        assert_eq!(schedule.step(at(6)), Step::Advance);
        assert_eq!(schedule.step(UnixTime(at(12).0 - 1)), Step::Advance);
    }

    #[test]
    fn what_is_served_holds_whenever_it_is_served() {
        // The successor is made when its predecessor begins, and is served until two terms later.
        let made = Schedule::validity(START);
        for day in 0..12 {
            assert!(made.from <= at(day) && UnixTime(at(day).0 + DAY) < made.until, "day {day}");
            assert_ne!(Schedule::starting(START).step(at(day)), Step::Renew, "day {day}");
        }
    }

    #[test]
    fn after_a_long_sleep_or_a_clock_set_back_both_are_made_anew() {
        let schedule = Schedule::starting(START);
        assert_eq!(schedule.step(at(12)), Step::Renew);
        assert_eq!(schedule.step(at(400)), Step::Renew);
        assert_eq!(schedule.step(at(-1)), Step::Renew);
    }

    #[test]
    fn a_page_asks_again_when_the_pair_changes() {
        let schedule = Schedule::starting(START);
        assert_eq!(schedule.refresh_secs(at(5)), DAY.unsigned_abs());
        assert_eq!(schedule.refresh_secs(at(6)), 60);
    }
}
