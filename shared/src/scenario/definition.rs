//! What is compared.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::feed::TicksSpec;
use crate::flow::WindowMode;
use crate::lab::{Congestion, LinkChange};
use crate::link::{NetworkProfile, Preset, ProfileError};
use crate::mode::Mode;
use crate::policy::Policy;
use crate::scenario::moves::{AddressChanges, BalancerSetup, SpoofSetup};

/// A comparison with a name; its text form is described in the module's documentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "super::text::ScenarioText", into = "super::text::ScenarioText")]
pub struct Scenario {
    /// What it is called in options and reports.
    pub name: String,
    /// What it shows, in one line.
    pub summary: String,
    /// The network that every lane meets.
    pub network: ScenarioNetwork,
    /// The congestion controller of both ends of every lane.
    pub congestion: Congestion,
    /// What is sent.
    pub feed: FeedSetup,
    /// How often each client asks for a sign of life, 100 ms to 30 s.
    pub heartbeat: Duration,
    /// How the client's address changes, beside what the network does.
    pub address_changes: Option<AddressChanges>,
    /// Who copies the client's packets.
    pub spoof: Option<SpoofSetup>,
    /// What stands in front of several backends.
    pub balancer: Option<BalancerSetup>,
    /// What is compared, 1 to [`Scenario::MAX_LANES`].
    pub lanes: Vec<LaneSetup>,
    /// For how long the feed sends, 1 to 600 s.
    pub seconds: u32,
    /// Where every chance comes from.
    pub seed: u64,
}

impl Scenario {
    /// Most lanes.
    pub const MAX_LANES: usize = 8;

    /// The feed as lanes subscribe to it.
    pub const fn ticks(&self) -> TicksSpec {
        let FeedSetup { messages_per_second, payload_bytes, topics, keys } = self.feed;
        TicksSpec { rate: messages_per_second, size: payload_bytes, streams: topics, keys, seed: self.seed }
    }
}

/// A network by its name or in full, and what is different in it.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioNetwork {
    preset: Option<Preset>,
    base: NetworkProfile,
    change: LinkChange,
    profile: NetworkProfile,
}

impl ScenarioNetwork {
    /// A preset with `change` in it.
    ///
    /// # Errors
    /// The change has a value out of its range.
    pub fn of_preset(preset: Preset, change: LinkChange) -> Result<Self, ProfileError> {
        Ok(Self { preset: Some(preset), ..Self::of_profile(preset.profile(), change)? })
    }

    /// Any network with `change` in it.
    ///
    /// # Errors
    /// The change has a value out of its range.
    pub fn of_profile(base: NetworkProfile, change: LinkChange) -> Result<Self, ProfileError> {
        let profile = change.applied_to(&base)?;
        Ok(Self { preset: None, base, change, profile })
    }

    /// The preset that it is based on.
    pub const fn preset(&self) -> Option<Preset> {
        self.preset
    }

    /// The network without the change.
    pub const fn base(&self) -> &NetworkProfile {
        &self.base
    }

    /// What is different from the preset or the base.
    pub const fn change(&self) -> LinkChange {
        self.change
    }

    /// The network in force.
    pub const fn profile(&self) -> &NetworkProfile {
        &self.profile
    }
}

/// What is sent: a `ticks` feed, whose seed is the scenario's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedSetup {
    /// Messages a second over all topics, 1 to [`TicksSpec::MAX_RATE`].
    pub messages_per_second: u32,
    /// Bytes of payload in a message, [`TicksSpec::MIN_SIZE`] to [`TicksSpec::MAX_SIZE`].
    pub payload_bytes: u32,
    /// Topics that take turns, 1 to [`TicksSpec::MAX_STREAMS`].
    pub topics: u16,
    /// Keys in each topic, 1 to [`TicksSpec::MAX_KEYS`].
    pub keys: u16,
}

impl Default for FeedSetup {
    fn default() -> Self {
        let TicksSpec { rate, size, streams, keys, .. } = TicksSpec::default();
        Self { messages_per_second: rate, payload_bytes: size, topics: streams, keys }
    }
}

/// One lane of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSetup {
    /// Transport and ordering.
    pub mode: Mode,
    /// What the server does with messages that there is no credit for.
    pub policy: Policy,
    /// How far the server may send ahead of consumption.
    pub window: WindowMode,
    /// How long the consumer has each message, at most 1 s.
    pub consumer_delay: Duration,
}

impl LaneSetup {
    /// A lane that loses nothing and whose consumer takes no time.
    pub const fn new(mode: Mode) -> Self {
        Self { mode, policy: Policy::Lossless, window: WindowMode::Auto, consumer_delay: Duration::ZERO }
    }
}
