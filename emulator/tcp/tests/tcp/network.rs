//! The networks that the tests use.

use std::time::Duration;

use sluice_shared::link::{
    Bitrate, BottleneckLimits, LinkProfile, LossModel, NetworkProfile, QueueLimit, Share,
};

/// A round trip of `rtt_millis` that loses the share `loss` in each direction, as fast as one likes.
pub(crate) fn lossy(rtt_millis: u64, loss: Share) -> NetworkProfile {
    let mut link = LinkProfile::delayed(Duration::from_micros(rtt_millis * 500));
    if loss > Share::ZERO {
        link.loss = LossModel::Random(loss);
    }
    NetworkProfile::symmetric(link)
}

/// A clean round trip of `rtt_millis`.
pub(crate) fn clean(rtt_millis: u64) -> NetworkProfile {
    lossy(rtt_millis, Share::ZERO)
}

/// As [`lossy`], with a rate each way and a queue of one bandwidth-delay product.
pub(crate) fn limited(rtt_millis: u64, mbit_per_sec: u64, loss: Share) -> NetworkProfile {
    let mut network = lossy(rtt_millis, loss);
    let limits = BottleneckLimits {
        rate: Bitrate::from_mbit_per_sec(mbit_per_sec),
        queue: QueueLimit::Time(Duration::from_millis(rtt_millis)),
    };
    network.up.bottleneck = Some(limits);
    network.down.bottleneck = Some(limits);
    network
}
