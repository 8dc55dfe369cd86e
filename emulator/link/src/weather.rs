//! What all lanes of a lab have in common.

use sluice_shared::time::Time;

/// The chances of a network: links with equal weather and equal profiles meet the same luck.
///
/// Random verdicts (loss, jitter, stragglers, duplicates) of packet *n* follow from the seed, the direction and *n*
/// alone. Bad spells and scheduled outages follow from the seed, the direction and the time since `since` alone, so
/// a link that is built later, or one that carries other packets, meets the same bad moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Weather {
    /// Where every chance comes from.
    pub seed: u64,
    /// When outage schedules and bad spells begin to count: the start of the lab, or the choice of a preset.
    pub since: Time,
}

impl Weather {
    /// Weather that begins at the driver's origin of time.
    pub const fn new(seed: u64) -> Self {
        Self { seed, since: Time::ZERO }
    }
}
