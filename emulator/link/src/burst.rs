//! Good and bad spells: Gilbert–Elliott in time.

use core::time::Duration;

use sluice_shared::link::{BurstLoss, Direction};
use sluice_shared::time::{Time, micros};

use crate::random::{Purpose, Sequence, Stream};
use crate::weather::Weather;

/// Whether the weather is bad, as a function of time.
///
/// Time is cut into eras of a thousand mean rounds, each with random numbers of its own, and spells are walked in order
/// from the start of an era: so two links of one weather agree at every moment, however late one of them was built, and
/// the walk is short. That an era's end cuts the spell that runs then shortens the mean spell by less than 0.1 %.
#[derive(Clone, Debug)]
pub(crate) struct Spells {
    good_us: u64,
    bad_us: u64,
    since: Time,
    eras: Sequence,
    era: u64,
    stream: Stream,
    is_bad: bool,
    until: Time,
}

impl Spells {
    const ROUNDS_IN_AN_ERA: u64 = 1_000;

    pub(crate) fn new(burst: &BurstLoss, weather: Weather, direction: Direction) -> Self {
        let eras = Sequence::new(weather.seed, direction, Purpose::Spells);
        let mut spells = Self {
            good_us: micros(burst.good).max(1),
            bad_us: micros(burst.bad).max(1),
            since: weather.since,
            eras,
            era: 0,
            stream: Stream::new(eras),
            is_bad: false,
            until: weather.since,
        };
        spells.enter(0);
        spells
    }

    /// Whether a bad spell runs at `now`, which never goes back.
    pub(crate) fn is_bad_at(&mut self, now: Time) -> bool {
        let era = micros(now.since(self.since)) / self.era_us();
        if era != self.era {
            self.enter(era);
        }
        while self.until <= now {
            self.is_bad = !self.is_bad;
            self.extend();
        }
        self.is_bad
    }

    fn enter(&mut self, era: u64) {
        self.era = era;
        self.stream = Stream::new(self.eras.branch(era));
        // The first spell is bad as often as any moment is, so the long-run loss holds from the first packet on.
        self.is_bad = self.stream.below(self.good_us.saturating_add(self.bad_us)) < self.bad_us;
        self.until = self.since + Duration::from_micros(era.saturating_mul(self.era_us()));
        self.extend();
    }

    /// Draws the length of the spell that begins at `until`: at least a microsecond, so that the walk goes on.
    fn extend(&mut self) {
        let mean = if self.is_bad { self.bad_us } else { self.good_us };
        self.until = self.until + Duration::from_micros(self.stream.exponential(mean).max(1));
    }

    const fn era_us(&self) -> u64 {
        self.good_us.saturating_add(self.bad_us).saturating_mul(Self::ROUNDS_IN_AN_ERA)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_shared::link::Share;

    fn burst() -> BurstLoss {
        BurstLoss {
            good: Duration::from_millis(196),
            bad: Duration::from_millis(4),
            loss_in_good: Share::ZERO,
            loss_in_bad: Share::ALL,
        }
    }

    #[test]
    fn spells_have_their_share_and_their_mean_length() {
        let mut spells = Spells::new(&burst(), Weather::new(11), Direction::Down);
        let (mut bad_moments, mut bad_spells, mut was_bad) = (0u32, 0u32, false);
        // 2,000 s in steps of 50 µs: some 10,000 bad spells.
        for step in 0..40_000_000u64 {
            let is_bad = spells.is_bad_at(Time::from_micros(step * 50));
            bad_moments += u32::from(is_bad);
            bad_spells += u32::from(is_bad && !was_bad);
            was_bad = is_bad;
        }
        let share = f64::from(bad_moments) / 40e6;
        // √2 ÷ √spells is one standard error of the share of an alternating exponential process.
        let standard_error = 0.02 * (2.0 / f64::from(bad_spells)).sqrt();
        assert!((share - 0.02).abs() < 3.0 * standard_error, "share {share}");
        let mean_ms = f64::from(bad_moments) * 0.05 / f64::from(bad_spells);
        // Spells shorter than a step can be missed, which makes the mean up to a step longer.
        assert!((3.85..4.2).contains(&mean_ms), "mean {mean_ms} ms");
    }

    #[test]
    fn a_link_that_comes_later_meets_the_same_spell() {
        let weather = Weather::new(3);
        let mut early = Spells::new(&burst(), weather, Direction::Up);
        for step in 0..190_000 {
            early.is_bad_at(Time::from_millis(step));
        }
        // An era is 200 s long.
        let mut late = Spells::new(&burst(), weather, Direction::Up);
        for step in 190_000..210_000 {
            let now = Time::from_millis(step);
            assert_eq!(early.is_bad_at(now), late.is_bad_at(now));
        }
    }

    #[test]
    fn a_year_of_short_spells_is_no_walk() {
        let restless = BurstLoss { good: Duration::from_millis(1), bad: Duration::from_millis(1), ..burst() };
        let mut spells = Spells::new(&restless, Weather::new(3), Direction::Up);
        // Walked spell by spell from the beginning, these 100 years would take hours.
        let bad = (1..=100u32)
            .filter(|year| spells.is_bad_at(Time::ZERO + Duration::from_secs(31_557_600) * *year))
            .count();
        // 3 standard deviations of 100 even coins: 15.
        assert!((35..=65).contains(&bad), "{bad} of 100");
    }

    #[test]
    fn the_first_moment_is_bad_as_often_as_any() {
        let half = BurstLoss { good: Duration::from_millis(4), ..burst() };
        let bad = (0..10_000u64)
            .filter(|seed| Spells::new(&half, Weather::new(*seed), Direction::Up).is_bad_at(Time::ZERO))
            .count();
        // 3 standard deviations of 10,000 even coins: 150.
        assert!((4_850..=5_150).contains(&bad), "{bad} of 10,000");
    }
}
