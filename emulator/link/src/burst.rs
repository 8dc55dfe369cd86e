//! Good and bad spells: Gilbert–Elliott in time.

use sluice_shared::link::{BurstLoss, Direction};
use sluice_shared::time::{Time, micros};

use crate::random::{Purpose, Sequence, Stream};
use crate::weather::Weather;

/// Whether the weather is bad, as a function of time.
///
/// Spells are walked in order from the weather's beginning, so two links of one weather agree at every moment, even when
/// one was built an hour later; for that one the walk costs some ten nanoseconds per spell that has been.
#[derive(Clone, Debug)]
pub(crate) struct Spells {
    good_us: u64,
    bad_us: u64,
    stream: Stream,
    is_bad: bool,
    until: Time,
}

impl Spells {
    pub(crate) fn new(burst: &BurstLoss, weather: Weather, direction: Direction) -> Self {
        let mut stream = Stream::new(Sequence::new(weather.seed, direction, Purpose::Spells));
        let (good_us, bad_us) = (micros(burst.good).max(1), micros(burst.bad).max(1));
        // The first spell is bad as often as any moment is, so the long-run loss holds from the first packet on.
        let is_bad = stream.below(good_us.saturating_add(bad_us)) < bad_us;
        let mut spells = Self { good_us, bad_us, stream, is_bad, until: weather.since };
        spells.extend();
        spells
    }

    /// Whether a bad spell runs at `now`, which never goes back.
    pub(crate) fn is_bad_at(&mut self, now: Time) -> bool {
        while self.until <= now {
            self.is_bad = !self.is_bad;
            self.extend();
        }
        self.is_bad
    }

    /// Draws the length of the spell that begins at `until`: at least a microsecond, so that the walk goes on.
    fn extend(&mut self) {
        let mean = if self.is_bad { self.bad_us } else { self.good_us };
        let length = self.stream.exponential(mean).max(1);
        self.until = Time::from_micros(self.until.as_micros().saturating_add(length));
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

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
        for step in 0..10_000 {
            early.is_bad_at(Time::from_millis(step));
        }
        let mut late = Spells::new(&burst(), weather, Direction::Up);
        for step in 10_000..12_000 {
            let now = Time::from_millis(step);
            assert_eq!(early.is_bad_at(now), late.is_bad_at(now));
        }
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
