//! Address changes, attacks and balancers as people write them.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::whole;
use crate::lab::{OriginalFate, Spoof};
use crate::scenario::error::ScenarioError;
use crate::scenario::limits;
use crate::scenario::moves::{AddressChanges, AddressPart, BalancerSetup, Routing, SpoofSetup};
use crate::time::micros;

/// An [`AddressChanges`] in text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressChangesText {
    every_ms: f64,
    #[serde(default = "default_part")]
    part: AddressPart,
    #[serde(default = "yes")]
    tells_client: bool,
    #[serde(default = "yes")]
    server_follows: bool,
}

/// A [`SpoofSetup`] in text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpoofText {
    every_ms: f64,
    #[serde(default = "one")]
    packets: f64,
    #[serde(default)]
    original: OriginalFate,
}

/// A [`BalancerSetup`] in text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BalancerText {
    backends: f64,
    routing: Routing,
    #[serde(default)]
    shares_reset_key: bool,
}

const fn default_part() -> AddressPart {
    AddressPart::Address
}

const fn one() -> f64 {
    1.0
}

const fn yes() -> bool {
    true
}

impl AddressChangesText {
    pub(super) fn to_changes(&self) -> Result<AddressChanges, ScenarioError> {
        let Self { every_ms, part, tells_client, server_follows } = *self;
        let every_ms = whole("", limits::CHANGE_EVERY, every_ms)?;
        Ok(AddressChanges {
            every: Duration::from_millis(every_ms.into()),
            part,
            tells_client,
            server_follows,
        })
    }
}

impl From<AddressChanges> for AddressChangesText {
    fn from(changes: AddressChanges) -> Self {
        let AddressChanges { every, part, tells_client, server_follows } = changes;
        Self { every_ms: micros(every) as f64 / 1e3, part, tells_client, server_follows }
    }
}

impl SpoofText {
    pub(super) fn to_setup(&self) -> Result<SpoofSetup, ScenarioError> {
        let Self { every_ms, packets, original } = *self;
        let every_ms = whole("", limits::SPOOF_EVERY, every_ms)?;
        let packets = whole("", limits::SPOOF_PACKETS, packets)?;
        let packets = u8::try_from(packets).unwrap_or(Spoof::MAX_PACKETS);
        Ok(SpoofSetup { every: Duration::from_millis(every_ms.into()), spoof: Spoof { packets, original } })
    }
}

impl From<SpoofSetup> for SpoofText {
    fn from(setup: SpoofSetup) -> Self {
        let SpoofSetup { every, spoof: Spoof { packets, original } } = setup;
        Self { every_ms: micros(every) as f64 / 1e3, packets: packets.into(), original }
    }
}

impl BalancerText {
    pub(super) fn to_setup(&self) -> Result<BalancerSetup, ScenarioError> {
        let Self { backends, routing, shares_reset_key } = *self;
        let backends = whole("", limits::BACKENDS, backends)?;
        let backends = u8::try_from(backends).unwrap_or(BalancerSetup::MAX_BACKENDS);
        Ok(BalancerSetup { backends, routing, shares_reset_key })
    }
}

impl From<BalancerSetup> for BalancerText {
    fn from(setup: BalancerSetup) -> Self {
        let BalancerSetup { backends, routing, shares_reset_key } = setup;
        Self { backends: backends.into(), routing, shares_reset_key }
    }
}
