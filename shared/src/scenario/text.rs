//! Scenarios as people write them, checked when they become a [`Scenario`].

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::definition::{FeedSetup, LaneSetup, Scenario, ScenarioNetwork};
use super::error::ScenarioError;
use super::limits;
use crate::flow::WindowMode;
use crate::lab::{Congestion, LinkChange};
use crate::link::limits::Limit;
use crate::link::{NetworkProfile, ProfileError, nearest};
use crate::mode::Mode;
use crate::policy::Policy;
use crate::session::Heartbeat;
use crate::time::micros;
use crate::units::Amount;

mod moves;

use moves::{AddressChangesText, BalancerText, SpoofText};

/// A [`Scenario`] in text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioText {
    name: String,
    summary: String,
    #[serde(default)]
    congestion: Congestion,
    #[serde(default = "default_seconds")]
    seconds: f64,
    #[serde(default = "default_seed")]
    seed: u64,
    #[serde(default = "default_heartbeat")]
    heartbeat_ms: f64,
    network: NetworkText,
    #[serde(default)]
    feed: FeedText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address_changes: Option<AddressChangesText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spoof: Option<SpoofText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    balancer: Option<BalancerText>,
    lanes: Vec<LaneText>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NetworkText {
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<String>,
    #[serde(skip_serializing_if = "LinkChange::is_empty")]
    change: LinkChange,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<NetworkProfile>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FeedText {
    messages_per_second: f64,
    payload_bytes: f64,
    topics: f64,
    keys: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LaneText {
    mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window_messages: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window_bytes: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consumer_delay_us: Option<f64>,
}

const fn default_seconds() -> f64 {
    60.0
}

fn default_heartbeat() -> f64 {
    micros(Heartbeat::default().interval) as f64 / 1e3
}

const fn default_seed() -> u64 {
    1
}

impl Default for FeedText {
    fn default() -> Self {
        Self::from(FeedSetup::default())
    }
}

impl TryFrom<ScenarioText> for Scenario {
    type Error = ScenarioError;

    fn try_from(text: ScenarioText) -> Result<Self, ScenarioError> {
        check_name(&text.name)?;
        check_summary(&text.summary)?;
        in_range("", limits::LANES, text.lanes.len() as f64)?;
        let lane = |(index, lane): (usize, &LaneText)| lane.to_setup(&format!("lanes[{index}]."));
        Ok(Self {
            network: text.network.to_network()?,
            congestion: text.congestion,
            feed: text.feed.to_setup()?,
            address_changes: text.address_changes.map(|changes| changes.to_changes()).transpose()?,
            spoof: text.spoof.map(|spoof| spoof.to_setup()).transpose()?,
            balancer: text.balancer.map(|balancer| balancer.to_setup()).transpose()?,
            lanes: text.lanes.iter().enumerate().map(lane).collect::<Result<_, _>>()?,
            seconds: whole("", limits::SECONDS, text.seconds)?,
            seed: text.seed,
            heartbeat: Duration::from_millis(whole("", limits::HEARTBEAT, text.heartbeat_ms)?.into()),
            name: text.name,
            summary: text.summary,
        })
    }
}

impl From<Scenario> for ScenarioText {
    fn from(scenario: Scenario) -> Self {
        Self {
            name: scenario.name,
            summary: scenario.summary,
            congestion: scenario.congestion,
            seconds: f64::from(scenario.seconds),
            seed: scenario.seed,
            heartbeat_ms: micros(scenario.heartbeat) as f64 / 1e3,
            network: NetworkText::from(&scenario.network),
            feed: FeedText::from(scenario.feed),
            address_changes: scenario.address_changes.map(AddressChangesText::from),
            spoof: scenario.spoof.map(SpoofText::from),
            balancer: scenario.balancer.map(BalancerText::from),
            lanes: scenario.lanes.iter().map(LaneText::from).collect(),
        }
    }
}

impl NetworkText {
    fn to_network(&self) -> Result<ScenarioNetwork, ScenarioError> {
        match (&self.preset, &self.profile) {
            (Some(preset), None) => Ok(ScenarioNetwork::of_preset(preset.parse()?, self.change)?),
            (None, Some(profile)) => Ok(ScenarioNetwork::of_profile(profile.clone(), self.change)?),
            (None, None) => Err(contradiction("network", "give a preset or a profile")),
            (Some(_), Some(_)) => Err(contradiction("network", "give a preset or a profile, not both")),
        }
    }
}

impl From<&ScenarioNetwork> for NetworkText {
    fn from(network: &ScenarioNetwork) -> Self {
        let preset = network.preset().map(|preset| preset.name().to_owned());
        let profile = preset.is_none().then(|| network.base().clone());
        Self { preset, profile, change: network.change() }
    }
}

impl FeedText {
    fn to_setup(&self) -> Result<FeedSetup, ScenarioError> {
        let small = |limit, value| {
            Ok::<_, ScenarioError>(u16::try_from(whole("", limit, value)?).unwrap_or(u16::MAX))
        };
        Ok(FeedSetup {
            messages_per_second: whole("", limits::RATE, self.messages_per_second)?,
            payload_bytes: whole("", limits::PAYLOAD, self.payload_bytes)?,
            topics: small(limits::TOPICS, self.topics)?,
            keys: small(limits::KEYS, self.keys)?,
        })
    }
}

impl From<FeedSetup> for FeedText {
    fn from(feed: FeedSetup) -> Self {
        Self {
            messages_per_second: f64::from(feed.messages_per_second),
            payload_bytes: f64::from(feed.payload_bytes),
            topics: f64::from(feed.topics),
            keys: f64::from(feed.keys),
        }
    }
}

impl LaneText {
    fn to_setup(&self, path: &str) -> Result<LaneSetup, ScenarioError> {
        let mode: Mode = self.mode.parse().map_err(|_| ScenarioError::Mode {
            setting: format!("{path}mode"),
            name: self.mode.clone(),
            nearest: nearest(&self.mode, Mode::ALL.into_iter().map(Mode::name)),
        })?;
        let setting = || format!("{path}policy");
        let policy: Policy = match &self.policy {
            None => Policy::Lossless,
            Some(policy) => {
                policy.parse().map_err(|problem| ScenarioError::Policy { setting: setting(), problem })?
            }
        };
        if policy.is_exhibit() {
            return Err(ScenarioError::Exhibit { setting: setting(), policy });
        }
        let delay = whole(path, limits::CONSUMER_DELAY, self.consumer_delay_us.unwrap_or(0.0))?;
        Ok(LaneSetup {
            mode,
            policy,
            window: self.window(path)?,
            consumer_delay: Duration::from_micros(delay.into()),
        })
    }

    fn window(&self, path: &str) -> Result<WindowMode, ScenarioError> {
        match (self.window_messages, self.window_bytes) {
            (None, None) => Ok(WindowMode::Auto),
            (Some(messages), Some(bytes)) => Ok(WindowMode::Fixed(Amount::new(
                whole(path, limits::WINDOW_MESSAGES, messages)?.into(),
                whole(path, limits::WINDOW_BYTES, bytes)?.into(),
            ))),
            (Some(_), None) | (None, Some(_)) => Err(contradiction(
                &format!("{path}window_messages"),
                "a window is counted in both: give window_messages and window_bytes, or neither",
            )),
        }
    }
}

impl From<&LaneSetup> for LaneText {
    fn from(lane: &LaneSetup) -> Self {
        let window = match lane.window {
            WindowMode::Auto => None,
            WindowMode::Fixed(window) => Some(window),
        };
        Self {
            mode: lane.mode.name().to_owned(),
            policy: (lane.policy != Policy::Lossless).then(|| lane.policy.to_string()),
            window_messages: window.map(|window| window.messages as f64),
            window_bytes: window.map(|window| window.bytes as f64),
            consumer_delay_us: (!lane.consumer_delay.is_zero()).then(|| micros(lane.consumer_delay) as f64),
        }
    }
}

fn check_name(name: &str) -> Result<(), ScenarioError> {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if (1..=limits::NAME_LETTERS).contains(&name.len()) && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(contradiction("name", "give 1 to 40 lower-case letters, digits and hyphens"))
}

fn check_summary(summary: &str) -> Result<(), ScenarioError> {
    let length = summary.chars().count();
    if (1..=limits::SUMMARY_LETTERS).contains(&length) && !summary.chars().any(char::is_control) {
        return Ok(());
    }
    Err(contradiction("summary", "give one line of 1 to 120 letters"))
}

fn contradiction(setting: &str, problem: &'static str) -> ScenarioError {
    ProfileError::Contradiction { setting: setting.to_owned(), problem }.into()
}

/// `value` if it lies in its range; NaN lies in none.
fn in_range(path: &str, limit: Limit, value: f64) -> Result<f64, ScenarioError> {
    if (limit.low..=limit.high).contains(&value) {
        return Ok(value);
    }
    Err(ProfileError::OutOfRange { setting: format!("{path}{}", limit.name), value, limit }.into())
}

/// `value` if it lies in its range and is a whole number.
fn whole(path: &str, limit: Limit, value: f64) -> Result<u32, ScenarioError> {
    let value = in_range(path, limit, value)?;
    if value.fract() != 0.0 {
        return Err(contradiction(&format!("{path}{}", limit.name), "give a whole number"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and every range is within u32"
    )]
    let value = value as u32;
    Ok(value)
}

#[cfg(test)]
mod tests;
