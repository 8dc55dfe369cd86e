//! Single settings of a network, for sliders.

use serde::{Deserialize, Serialize};

use crate::link::limits::Limit;
use crate::link::{
    Bitrate, BottleneckLimits, BurstLoss, LinkProfile, LossModel, NetworkProfile, ProfileError, QueueLimit,
    SettingsPath, Share, limits, whole,
};
use crate::time::micros;

/// What somebody changed in a network, in both directions alike; `None` leaves a setting as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkChange {
    /// Least time to the other end, ms: half of the round trip ([`limits::DELAY`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<f64>,
    /// Up to how much longer a packet takes, ms ([`limits::JITTER`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<f64>,
    /// The bottleneck's rate, kbit/s; 0 takes the bottleneck away ([`limits::RATE`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_kbit: Option<f64>,
    /// The bottleneck's queue, ms at its rate ([`limits::QUEUE_TIME`]); without a rate it waits until there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_ms: Option<f64>,
    /// Mean loss, % ([`limits::LOSS`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_percent: Option<f64>,
    /// Mean length of a bad spell, ms, 0 for loss packet by packet ([`limits::BURST_BAD`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst_ms: Option<f64>,
}

/// The main settings of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Knobs {
    /// Least time to the other end, ms.
    pub delay_ms: f64,
    /// Up to how much longer a packet takes, ms.
    pub jitter_ms: f64,
    /// The bottleneck's rate, kbit/s; 0 without one.
    pub rate_kbit: f64,
    /// The bottleneck's queue, ms at its rate; 0 without one.
    pub queue_ms: f64,
    /// Mean loss, %.
    pub loss_percent: f64,
    /// Mean length of a bad spell, ms; 0 for loss packet by packet.
    pub burst_ms: f64,
}

/// Where the settings of a change stand.
const PATH: SettingsPath = SettingsPath("change.");
/// `burst_ms`: mean length of a bad spell.
const BURST: Limit = Limit { name: "burst_ms", ..limits::BURST_BAD };
/// The queue of a bottleneck that was given a rate and no queue, ms.
const DEFAULT_QUEUE_MS: f64 = 100.0;

impl Knobs {
    /// The main settings of `link`.
    pub fn of(link: &LinkProfile) -> Self {
        let burst = match link.loss {
            LossModel::Burst(burst) => micros(burst.bad) as f64 / 1e3,
            LossModel::None | LossModel::Random(_) => 0.0,
        };
        let rate_bits = link.bottleneck.map_or(0, |bottleneck| bottleneck.rate.as_bits_per_sec());
        let queue_bits = link.bottleneck.map_or(0, |bottleneck| bottleneck.queue_bytes().bits());
        Self {
            delay_ms: micros(link.propagation.delay) as f64 / 1e3,
            jitter_ms: micros(link.propagation.jitter) as f64 / 1e3,
            rate_kbit: rate_bits as f64 / 1e3,
            queue_ms: if rate_bits == 0 { 0.0 } else { queue_bits as f64 * 1e3 / rate_bits as f64 },
            loss_percent: link.loss.mean() * 100.0,
            burst_ms: burst,
        }
    }
}

impl LinkChange {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This change with `later` on top of it.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self {
            delay_ms: later.delay_ms.or(self.delay_ms),
            jitter_ms: later.jitter_ms.or(self.jitter_ms),
            rate_kbit: later.rate_kbit.or(self.rate_kbit),
            queue_ms: later.queue_ms.or(self.queue_ms),
            loss_percent: later.loss_percent.or(self.loss_percent),
            burst_ms: later.burst_ms.or(self.burst_ms),
        }
    }

    /// `profile` with this change in both directions.
    ///
    /// # Errors
    /// A value out of its range, named as `change.<setting>`.
    pub fn applied_to(&self, profile: &NetworkProfile) -> Result<NetworkProfile, ProfileError> {
        let mut changed = profile.clone();
        self.apply_to(&mut changed.up)?;
        self.apply_to(&mut changed.down)?;
        Ok(changed)
    }

    fn apply_to(&self, link: &mut LinkProfile) -> Result<(), ProfileError> {
        let before = Knobs::of(link);
        if let Some(delay) = self.delay_ms {
            link.propagation.delay = PATH.span(delay, limits::DELAY)?;
        }
        if let Some(jitter) = self.jitter_ms {
            link.propagation.jitter = PATH.span(jitter, limits::JITTER)?;
        }
        self.apply_bottleneck(link, before)?;
        if self.loss_percent.is_some() || self.burst_ms.is_some() {
            let loss = self.loss_percent.unwrap_or(before.loss_percent);
            let mean = PATH.share(loss, limits::LOSS)?;
            let burst = self.burst_ms.unwrap_or(before.burst_ms);
            link.loss = if burst == 0.0 {
                if mean == Share::ZERO { LossModel::None } else { LossModel::Random(mean) }
            } else {
                let bad = PATH.span(burst, BURST)?;
                // No loss at all, or nothing but loss, has no spells.
                BurstLoss::of_mean(mean, bad).map_or_else(
                    || if mean == Share::ZERO { LossModel::None } else { LossModel::Random(mean) },
                    LossModel::Burst,
                )
            };
        }
        Ok(())
    }

    fn apply_bottleneck(&self, link: &mut LinkProfile, before: Knobs) -> Result<(), ProfileError> {
        if self.rate_kbit.is_none() && self.queue_ms.is_none() {
            return Ok(());
        }
        let asked_queue = self.queue_ms.map(|queue| PATH.span(queue, limits::QUEUE_TIME)).transpose()?;
        let rate = self.rate_kbit.unwrap_or(before.rate_kbit);
        if rate == 0.0 {
            link.bottleneck = None;
            return Ok(());
        }
        let rate = Bitrate::from_bits_per_sec(whole(PATH.number(rate, limits::RATE)? * 1e3));
        let queue = match (asked_queue, link.bottleneck) {
            (Some(queue), _) => QueueLimit::Time(queue),
            (None, Some(bottleneck)) => bottleneck.queue,
            (None, None) => QueueLimit::Time(PATH.span(DEFAULT_QUEUE_MS, limits::QUEUE_TIME)?),
        };
        link.bottleneck = Some(BottleneckLimits { rate, queue });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::link::Preset;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_change_of_one_setting_leaves_the_others() {
        let lte = Preset::Lte.profile();
        let change = LinkChange { delay_ms: Some(80.0), ..LinkChange::default() };
        let changed = change.applied_to(&lte).expect("in range");
        assert_eq!(changed.down.propagation.delay, Duration::from_millis(80));
        assert_eq!(changed.down.propagation.jitter, lte.down.propagation.jitter);
        assert_eq!((changed.up.bottleneck, changed.up.loss), (lte.up.bottleneck, lte.up.loss));
        assert_eq!(LinkChange::default().applied_to(&lte).expect("nothing"), lte);
    }

    #[test]
    fn what_was_changed_can_be_read_back() {
        let change = LinkChange {
            delay_ms: Some(10.0),
            jitter_ms: Some(2.5),
            rate_kbit: Some(5_000.0),
            queue_ms: Some(80.0),
            loss_percent: Some(2.0),
            burst_ms: Some(30.0),
        };
        let knobs = Knobs::of(&change.applied_to(&NetworkProfile::none()).expect("in range").down);
        assert_eq!((knobs.delay_ms, knobs.jitter_ms, knobs.rate_kbit), (10.0, 2.5, 5_000.0));
        assert!((knobs.queue_ms - 80.0).abs() < 0.1, "{knobs:?}");
        assert!((knobs.loss_percent - 2.0).abs() < 1e-6 && knobs.burst_ms == 30.0, "{knobs:?}");
    }

    #[test]
    fn a_rate_without_a_queue_gets_one_and_rate_zero_takes_both_away() {
        let slow = LinkChange { rate_kbit: Some(1_000.0), ..LinkChange::default() };
        let limited = slow.applied_to(&NetworkProfile::none()).expect("in range");
        assert_eq!(
            limited.down.bottleneck.expect("limited").queue,
            QueueLimit::Time(Duration::from_millis(100))
        );
        let free = LinkChange { rate_kbit: Some(0.0), ..LinkChange::default() };
        assert_eq!(free.applied_to(&limited).expect("in range"), NetworkProfile::none());
    }

    #[test]
    fn values_out_of_range_are_refused_by_name_and_range() {
        for (change, name) in [
            (LinkChange { delay_ms: Some(-1.0), ..LinkChange::default() }, "change.delay_ms is -1"),
            (LinkChange { loss_percent: Some(101.0), ..LinkChange::default() }, "change.loss_percent is 101"),
            (LinkChange { rate_kbit: Some(f64::NAN), ..LinkChange::default() }, "change.rate_kbit is NaN"),
            (
                LinkChange { burst_ms: Some(1e9), loss_percent: Some(1.0), ..LinkChange::default() },
                "change.burst_ms",
            ),
        ] {
            let error = change.applied_to(&NetworkProfile::none()).expect_err("out of range").to_string();
            assert!(error.contains(name) && error.contains("give"), "{error}");
        }
    }

    #[test]
    fn later_changes_win() {
        let first = LinkChange { delay_ms: Some(1.0), loss_percent: Some(2.0), ..LinkChange::default() };
        let both = first.then(LinkChange { delay_ms: Some(3.0), ..LinkChange::default() });
        assert_eq!((both.delay_ms, both.loss_percent), (Some(3.0), Some(2.0)));
    }
}
