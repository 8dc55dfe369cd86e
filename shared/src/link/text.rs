//! Profiles as people write them: numbers with their unit in the name, checked when they become a profile.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::ProfileError;
use super::limits::{self, Limit};
use super::loss::{BurstLoss, LossModel};
use super::outage::{Outage, OutageSchedule};
use super::profile::{BottleneckLimits, LinkProfile, NetworkProfile, Propagation, QueueLimit};
use super::units::{Bitrate, ByteCount, Share};
use crate::time::micros;

/// A [`NetworkProfile`] in text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NetworkText {
    #[serde(skip_serializing_if = "is_default")]
    blocks_udp: bool,
    #[serde(skip_serializing_if = "is_default")]
    renews_address: bool,
    up: LinkText,
    down: LinkText,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LinkText {
    #[serde(skip_serializing_if = "is_default")]
    delay_ms: f64,
    #[serde(skip_serializing_if = "is_default")]
    jitter_ms: f64,
    #[serde(skip_serializing_if = "is_default")]
    jitter_reorders: bool,
    #[serde(skip_serializing_if = "is_default")]
    rate_kbit: Option<f64>,
    #[serde(skip_serializing_if = "is_default")]
    queue_ms: Option<f64>,
    #[serde(skip_serializing_if = "is_default")]
    queue_bytes: Option<f64>,
    #[serde(skip_serializing_if = "is_default")]
    loss_percent: Option<f64>,
    #[serde(skip_serializing_if = "is_default")]
    late_percent: f64,
    #[serde(skip_serializing_if = "is_default")]
    late_by_ms: f64,
    #[serde(skip_serializing_if = "is_default")]
    duplicate_percent: f64,
    #[serde(skip_serializing_if = "is_default")]
    outages_repeat_ms: Option<f64>,
    #[serde(skip_serializing_if = "is_default")]
    burst: Option<BurstText>,
    #[serde(skip_serializing_if = "is_default")]
    outages: Vec<OutageText>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BurstText {
    good_ms: f64,
    bad_ms: f64,
    loss_in_good_percent: f64,
    loss_in_bad_percent: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutageText {
    at_ms: f64,
    lasts_ms: f64,
}

impl NetworkProfile {
    /// Checks every setting against the range in [`limits`], and that they go together.
    ///
    /// # Errors
    /// The first setting that is out of range or contradicts another.
    pub fn validate(&self) -> Result<(), ProfileError> {
        Self::try_from(NetworkText::from(self.clone())).map(|_| ())
    }
}

impl TryFrom<NetworkText> for NetworkProfile {
    type Error = ProfileError;

    fn try_from(text: NetworkText) -> Result<Self, ProfileError> {
        Ok(Self {
            up: text.up.to_profile(&Path("up."))?,
            down: text.down.to_profile(&Path("down."))?,
            blocks_udp: text.blocks_udp,
            renews_address: text.renews_address,
        })
    }
}

impl From<NetworkProfile> for NetworkText {
    fn from(profile: NetworkProfile) -> Self {
        Self {
            blocks_udp: profile.blocks_udp,
            renews_address: profile.renews_address,
            up: LinkText::of_profile(&profile.up),
            down: LinkText::of_profile(&profile.down),
        }
    }
}

impl LinkText {
    fn to_profile(&self, path: &Path) -> Result<LinkProfile, ProfileError> {
        let propagation = Propagation {
            delay: path.span(self.delay_ms, limits::DELAY)?,
            jitter: path.span(self.jitter_ms, limits::JITTER)?,
            jitter_reorders: self.jitter_reorders,
            late: path.share(self.late_percent, limits::LATE)?,
            late_by: path.span(self.late_by_ms, limits::LATE_BY)?,
            duplicate: path.share(self.duplicate_percent, limits::DUPLICATE)?,
        };
        if propagation.late > Share::ZERO && propagation.late_by.is_zero() {
            return Err(path.contradiction(limits::LATE, "stragglers need late_by_ms above 0"));
        }
        Ok(LinkProfile {
            outages: self.outage_schedule(path)?,
            bottleneck: self.bottleneck(path)?,
            loss: self.loss(path)?,
            propagation,
        })
    }

    fn bottleneck(&self, path: &Path) -> Result<Option<BottleneckLimits>, ProfileError> {
        let Some(rate) = self.rate_kbit else {
            if self.queue_ms.is_some() || self.queue_bytes.is_some() {
                return Err(path.contradiction(limits::RATE, "a queue needs a rate: give rate_kbit too"));
            }
            return Ok(None);
        };
        let rate = Bitrate::from_bits_per_sec(whole(path.number(rate, limits::RATE)? * 1e3));
        let queue = match (self.queue_ms, self.queue_bytes) {
            (Some(millis), None) => QueueLimit::Time(path.span(millis, limits::QUEUE_TIME)?),
            (None, Some(bytes)) => {
                QueueLimit::Bytes(ByteCount::new(whole(path.number(bytes, limits::QUEUE_BYTES)?)))
            }
            (None, None) => {
                let problem = "a rate needs a queue: give queue_ms or queue_bytes too";
                return Err(path.contradiction(limits::QUEUE_TIME, problem));
            }
            (Some(_), Some(_)) => {
                let problem = "the queue has one size: give queue_ms or queue_bytes, not both";
                return Err(path.contradiction(limits::QUEUE_TIME, problem));
            }
        };
        Ok(Some(BottleneckLimits { rate, queue }))
    }

    fn loss(&self, path: &Path) -> Result<LossModel, ProfileError> {
        match (self.loss_percent, self.burst) {
            (None, None) => Ok(LossModel::None),
            (Some(percent), None) => Ok(LossModel::Random(path.share(percent, limits::LOSS)?)),
            (None, Some(burst)) => Ok(LossModel::Burst(BurstLoss {
                good: path.span(burst.good_ms, limits::BURST_GOOD)?,
                bad: path.span(burst.bad_ms, limits::BURST_BAD)?,
                loss_in_good: path.share(burst.loss_in_good_percent, limits::LOSS_IN_GOOD)?,
                loss_in_bad: path.share(burst.loss_in_bad_percent, limits::LOSS_IN_BAD)?,
            })),
            (Some(_), Some(_)) => {
                let problem =
                    "give loss_percent or burst, not both; burst.loss_in_good_percent is random loss";
                Err(path.contradiction(limits::LOSS, problem))
            }
        }
    }

    fn outage_schedule(&self, path: &Path) -> Result<OutageSchedule, ProfileError> {
        let contradiction =
            |problem| ProfileError::Contradiction { setting: format!("{}outages", path.0), problem };
        if self.outages.len() > limits::MAX_OUTAGES {
            return Err(contradiction("more than 64 outages; let a shorter plan repeat"));
        }
        let mut outages: Vec<Outage> = Vec::new();
        for outage in &self.outages {
            let at = path.span(outage.at_ms, limits::OUTAGE_AT)?;
            let lasts = path.span(outage.lasts_ms, limits::OUTAGE_LASTS)?;
            if outages.last().is_some_and(|before| at < before.end()) {
                return Err(contradiction(
                    "an outage begins before the one above it ends; sort or join them",
                ));
            }
            outages.push(Outage::new(at, lasts));
        }
        let repeats_every =
            self.outages_repeat_ms.map(|millis| path.span(millis, limits::OUTAGES_REPEAT)).transpose()?;
        match (repeats_every, outages.last()) {
            (Some(_), None) => {
                Err(contradiction("nothing repeats; list outages or leave outages_repeat_ms out"))
            }
            (Some(every), Some(last)) if last.end() > every => {
                Err(contradiction("the last outage ends after outages_repeat_ms; make the round longer"))
            }
            (repeats_every, _) => Ok(OutageSchedule { outages, repeats_every }),
        }
    }

    fn of_profile(profile: &LinkProfile) -> Self {
        let propagation = profile.propagation;
        let (queue_ms, queue_bytes) = match profile.bottleneck.map(|limits| limits.queue) {
            None => (None, None),
            Some(QueueLimit::Time(span)) => (Some(millis(span)), None),
            Some(QueueLimit::Bytes(bytes)) => (None, Some(bytes.as_u64() as f64)),
        };
        let (loss_percent, burst) = match profile.loss {
            LossModel::None => (None, None),
            LossModel::Random(share) => (Some(percent(share)), None),
            LossModel::Burst(burst) => (None, Some(BurstText::of_burst(&burst))),
        };
        let outages = profile.outages.outages.iter();
        Self {
            delay_ms: millis(propagation.delay),
            jitter_ms: millis(propagation.jitter),
            jitter_reorders: propagation.jitter_reorders,
            rate_kbit: profile.bottleneck.map(|limits| limits.rate.as_bits_per_sec() as f64 / 1e3),
            queue_ms,
            queue_bytes,
            loss_percent,
            late_percent: percent(propagation.late),
            late_by_ms: millis(propagation.late_by),
            duplicate_percent: percent(propagation.duplicate),
            outages_repeat_ms: profile.outages.repeats_every.map(millis),
            burst,
            outages: outages
                .map(|outage| OutageText { at_ms: millis(outage.at), lasts_ms: millis(outage.lasts) })
                .collect(),
        }
    }
}

impl BurstText {
    fn of_burst(burst: &BurstLoss) -> Self {
        Self {
            good_ms: millis(burst.good),
            bad_ms: millis(burst.bad),
            loss_in_good_percent: percent(burst.loss_in_good),
            loss_in_bad_percent: percent(burst.loss_in_bad),
        }
    }
}

/// Where in the text a value stands: `"down."`.
pub(crate) struct Path(pub(crate) &'static str);

impl Path {
    pub(crate) fn number(&self, value: f64, limit: Limit) -> Result<f64, ProfileError> {
        if (limit.low..=limit.high).contains(&value) {
            return Ok(value);
        }
        Err(ProfileError::OutOfRange { setting: format!("{}{}", self.0, limit.name), value, limit })
    }

    pub(crate) fn span(&self, millis: f64, limit: Limit) -> Result<Duration, ProfileError> {
        Ok(Duration::from_micros(whole(self.number(millis, limit)? * 1e3)))
    }

    pub(crate) fn share(&self, percent: f64, limit: Limit) -> Result<Share, ProfileError> {
        let billionths = whole(self.number(percent, limit)? * BILLIONTHS_PER_PERCENT);
        Ok(Share::from_billionths(u32::try_from(billionths).unwrap_or(u32::MAX)))
    }

    fn contradiction(&self, limit: Limit, problem: &'static str) -> ProfileError {
        ProfileError::Contradiction { setting: format!("{}{}", self.0, limit.name), problem }
    }
}

const BILLIONTHS_PER_PERCENT: f64 = 1e7;

fn millis(span: Duration) -> f64 {
    micros(span) as f64 / 1e3
}

fn percent(share: Share) -> f64 {
    f64::from(share.as_billionths()) / BILLIONTHS_PER_PERCENT
}

/// The nearest whole number of a value that is not negative.
pub(crate) fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the value was rounded, and limits keep it far below 2⁵³"
    )]
    let whole = value.round() as u64;
    whole
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
