//! What one run does.

use sluice_shared::feed::FeedSpec;
use sluice_shared::lab::LabEvent;
use sluice_shared::link::{ProfileError, nearest};
use sluice_shared::mode::Mode;
use sluice_shared::scenario::{BalancerSetup, LaneSetup, Scenario, ScenarioError, limits};
use sluice_shared::session::{ClientConfig, Heartbeat};

use super::client::SAMPLE_EVERY;

/// What a command line changes in a scenario; `None` and an empty list leave it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Where every chance comes from.
    pub seed: Option<u64>,
    /// For how long the feed sends, seconds.
    pub seconds: Option<u32>,
    /// Names of the modes to compare: lanes of the scenario where it has such, plain ones otherwise.
    pub lanes: Vec<String>,
}

/// A scenario to be run as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    scenario: Scenario,
}

impl Plan {
    /// `scenario` with `overrides`.
    ///
    /// # Errors
    /// A value out of its range, or a mode that nobody knows.
    pub fn new(scenario: Scenario, overrides: &Overrides) -> Result<Self, ScenarioError> {
        let mut scenario = scenario;
        if let Some(seconds) = overrides.seconds {
            let value = f64::from(seconds);
            let limit = limits::SECONDS;
            if !(limit.low..=limit.high).contains(&value) {
                let setting = "--seconds".to_owned();
                return Err(ProfileError::OutOfRange { setting, value, limit }.into());
            }
            scenario.seconds = seconds;
        }
        scenario.seed = overrides.seed.unwrap_or(scenario.seed);
        if !overrides.lanes.is_empty() {
            scenario.lanes = chosen(&scenario.lanes, &overrides.lanes)?;
        }
        Ok(Self { scenario })
    }

    /// The scenario, with what was changed.
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The setting that a lab of the server does not have, if there is one: only virtual time does.
    pub(super) fn virtual_only(&self) -> Option<String> {
        let balancer = self.scenario.balancer?;
        let BalancerSetup { backends, shares_reset_key, .. } = balancer;
        if !(LabEvent::MIN_BACKENDS..=LabEvent::MAX_BACKENDS).contains(&backends) {
            return Some(format!("balancer.backends = {backends}"));
        }
        if !shares_reset_key {
            return Some("balancer.shares_reset_key = false".to_owned());
        }
        let follows = self.scenario.address_changes.is_none_or(|changes| changes.server_follows);
        (!follows).then(|| "balancer together with address_changes.server_follows = false".to_owned())
    }

    /// Whether the client's address changes at all.
    pub(super) fn has_changes(&self) -> bool {
        self.scenario.address_changes.is_some() || self.scenario.network.profile().renews_address
    }

    /// What the client of `lane` asks for.
    pub(super) fn client_config(&self, lane: &LaneSetup) -> ClientConfig {
        ClientConfig {
            mode: lane.mode,
            feeds: vec![FeedSpec::Ticks(self.scenario.ticks())],
            policy: lane.policy,
            window: lane.window,
            sample_every: SAMPLE_EVERY,
            heartbeat: Heartbeat { interval: self.scenario.heartbeat, ..Heartbeat::default() },
        }
    }

    /// The lanes.
    pub fn lanes(&self) -> &[LaneSetup] {
        &self.scenario.lanes
    }
}

fn chosen(lanes: &[LaneSetup], names: &[String]) -> Result<Vec<LaneSetup>, ScenarioError> {
    let mut chosen = Vec::new();
    for name in names {
        let mode: Mode = name.parse().map_err(|_| ScenarioError::Mode {
            setting: "--lanes".to_owned(),
            name: name.clone(),
            nearest: nearest(name, Mode::ALL.into_iter().map(Mode::name)),
        })?;
        let before = chosen.len();
        chosen.extend(lanes.iter().filter(|lane| lane.mode == mode));
        if chosen.len() == before {
            chosen.push(LaneSetup::new(mode));
        }
    }
    let limit = limits::LANES;
    let value = chosen.len() as f64;
    if value > limit.high {
        return Err(ProfileError::OutOfRange { setting: "--lanes".to_owned(), value, limit }.into());
    }
    Ok(chosen)
}
