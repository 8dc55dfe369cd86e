//! How packets get lost on the wire.

use core::time::Duration;

use super::units::Share;

/// What takes packets after the bottleneck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LossModel {
    /// Nothing.
    #[default]
    None,
    /// Each packet by chance, for itself.
    Random(Share),
    /// Good and bad spells take turns.
    Burst(BurstLoss),
}

impl LossModel {
    /// The share of packets lost in the long run, for packets spread evenly over time.
    pub fn mean(&self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Random(share) => share.as_fraction(),
            Self::Burst(burst) => burst.mean(),
        }
    }
}

/// Gilbert–Elliott in *time*: a good and a bad state, each held for an exponentially distributed while.
///
/// The states follow the clock and not the packets: a sender that has gone quiet would otherwise keep a bad state
/// alive for as long as it stays quiet, and two senders of different pace would meet different spells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BurstLoss {
    /// Mean length of a good spell.
    pub good: Duration,
    /// Mean length of a bad spell.
    pub bad: Duration,
    /// Share of packets lost in a good spell.
    pub loss_in_good: Share,
    /// Share of packets lost in a bad spell.
    pub loss_in_bad: Share,
}

impl BurstLoss {
    /// Bad spells of mean length `bad` that take everything, so rare that `mean` of all packets is lost.
    ///
    /// `None` when no spell of good weather would do: `mean` is zero or the whole.
    pub fn of_mean(mean: Share, bad: Duration) -> Option<Self> {
        let (lost, all) = (u128::from(mean.as_billionths()), u128::from(Share::ALL.as_billionths()));
        if lost == 0 || lost == all {
            return None;
        }
        let good = u64::try_from(bad.as_micros() * (all - lost) / lost).ok()?;
        Some(Self {
            good: Duration::from_micros(good),
            bad,
            loss_in_good: Share::ZERO,
            loss_in_bad: Share::ALL,
        })
    }

    /// The share of time in bad spells.
    pub fn bad_share(&self) -> f64 {
        let bad = self.bad.as_secs_f64();
        bad / (bad + self.good.as_secs_f64())
    }

    /// The share of packets lost in the long run, for packets spread evenly over time.
    pub fn mean(&self) -> f64 {
        let bad = self.bad_share();
        bad * self.loss_in_bad.as_fraction() + (1.0 - bad) * self.loss_in_good.as_fraction()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_burst_of_a_mean_has_that_mean() {
        let burst = BurstLoss::of_mean(Share::from_percent(2), Duration::from_millis(4)).expect("between");
        assert_eq!(burst.good, Duration::from_millis(196));
        assert!((burst.mean() - 0.02).abs() < 1e-12);
        assert_eq!(BurstLoss::of_mean(Share::ZERO, Duration::from_millis(4)), None);
        assert_eq!(BurstLoss::of_mean(Share::ALL, Duration::from_millis(4)), None);
    }

    #[test]
    fn loss_in_good_spells_counts_too() {
        let burst = BurstLoss {
            good: Duration::from_millis(900),
            bad: Duration::from_millis(100),
            loss_in_good: Share::from_percent(1),
            loss_in_bad: Share::from_percent(50),
        };
        assert!((LossModel::Burst(burst).mean() - 0.059).abs() < 1e-12);
    }
}
