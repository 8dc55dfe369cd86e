//! The scripts of all stories, and the set-ups that they share.

mod balancer;
mod dashboard;
mod frames;
mod handshakes;
mod heartbeat;
mod packet;
mod train;
mod websocket;

use core::time::Duration;

use sluice_bridge::{
    Consumer, FeedKind, FeedKinds, FeedSetup, LaneSetup, NetworkSettings, PageSettings, Work,
};
use sluice_shared::feed::TicksSpec;
use sluice_shared::lab::LinkChange;
use sluice_shared::link::Preset;
use sluice_shared::mode::Mode;
use sluice_shared::session::Heartbeat;

use crate::stories::script::Script;

/// All scripts, in the order of the stories.
pub const ALL: [&Script; 8] = [
    &train::SCRIPT,
    &dashboard::SCRIPT,
    &packet::SCRIPT,
    &handshakes::SCRIPT,
    &balancer::SCRIPT,
    &heartbeat::SCRIPT,
    &frames::SCRIPT,
    &websocket::SCRIPT,
];

/// Returns a set-up with these lanes on a ready-made network: the default feed, instant consumers, default heartbeat.
fn page(lanes: Vec<LaneSetup>, preset: Preset) -> PageSettings {
    PageSettings {
        lanes,
        feeds: FeedSetup {
            kinds: FeedKinds::NONE.with(FeedKind::Ticks).with(FeedKind::Host),
            ticks: TicksSpec::default(),
        },
        network: NetworkSettings::new(preset.name(), &LinkChange::default(), 1),
        heartbeat: Heartbeat::default(),
    }
}

/// Returns a heartbeat with this interval and this timeout, seconds.
const fn heartbeat(interval_secs: u64, timeout_secs: u64) -> Heartbeat {
    Heartbeat { interval: Duration::from_secs(interval_secs), timeout: Duration::from_secs(timeout_secs) }
}

/// Returns a lane with an instant consumer that loses nothing.
const fn lane(mode: Mode) -> LaneSetup {
    LaneSetup::new(mode)
}

/// The consumer that computes for 5 ms with each message.
const SLOW: Consumer = Consumer { delay_micros: 5_000, work: Work::Busy };
