//! What the tests share.

use std::time::Duration;

use sluice_shared::link::{LinkProfile, LossModel, NetworkProfile, Share};
use sluice_shared::time::Time;
use sluice_wire::{Net, Stage, StageClock, StageHandle};

/// Half a round trip.
pub(crate) const ONE_WAY: Duration = Duration::from_millis(50);
/// A round trip.
pub(crate) const RTT: Duration = Duration::from_millis(100);

/// The time `span` after the beginning.
pub(crate) fn at(span: Duration) -> Time {
    Time::ZERO + span
}

/// A network that takes [`ONE_WAY`] and loses `loss_percent`.
pub(crate) fn profile(loss_percent: u32) -> NetworkProfile {
    let mut link = LinkProfile::delayed(ONE_WAY);
    if loss_percent > 0 {
        link.loss = LossModel::Random(Share::from_percent(loss_percent));
    }
    NetworkProfile::symmetric(link)
}

/// A stage in virtual time with such a network.
pub(crate) fn world(loss_percent: u32, seed: u64) -> (Stage, StageHandle, Net) {
    let stage = Stage::new(StageClock::Virtual);
    let handle = stage.handle();
    let net = Net::new(&handle, &profile(loss_percent), seed);
    (stage, handle, net)
}

/// Bytes that differ from place to place.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index.wrapping_mul(31) ^ (index >> 8)).to_le_bytes()[0]).collect()
}
