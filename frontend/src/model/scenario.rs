//! Set-ups that tell a story with one click.

use sluice_shared::feed::TicksSpec;
use sluice_shared::lab::{Congestion, LabEvent};
use sluice_shared::link::Preset;
use sluice_shared::policy::Policy;

use super::network::NetworkSetup;
use super::setup::{CONSUMER_AT_ONCE, PageSetup, WindowChoice};
use crate::bridge::{Consumer, Work};

/// A story. It changes the feed, the network and the consumers, and leaves the lanes' modes and paths alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Nothing is slow.
    Clean,
    /// The first lane's consumer waits 5 ms for each message, twice as long as there is.
    SlowConsumer,
    /// As before, but the first lane is content with the newest message of each key.
    NewestOnly,
    /// The first lane's consumer computes 5 ms for each message and blocks its thread.
    BusyConsumer,
    /// 20,000 small messages a second.
    Firehose,
    /// Messages that fit in no datagram and no single packet.
    LargeMessages,
    /// Lost packets, and congestion control that does not slow down for them.
    LossyNetwork,
    /// A phone that drives into a tunnel and out again.
    Tunnel,
}

impl Scenario {
    /// All scenarios, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Clean,
        Self::SlowConsumer,
        Self::NewestOnly,
        Self::BusyConsumer,
        Self::Firehose,
        Self::LargeMessages,
        Self::LossyNetwork,
        Self::Tunnel,
    ];

    /// What it is called in test ids.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::SlowConsumer => "slow-consumer",
            Self::NewestOnly => "newest-only",
            Self::BusyConsumer => "busy-consumer",
            Self::Firehose => "firehose",
            Self::LargeMessages => "large-messages",
            Self::LossyNetwork => "lossy-network",
            Self::Tunnel => "tunnel",
        }
    }

    /// What it is called on the page.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Clean => "Clean",
            Self::SlowConsumer => "Slow consumer",
            Self::NewestOnly => "Slow, newest only",
            Self::BusyConsumer => "Busy consumer",
            Self::Firehose => "Firehose",
            Self::LargeMessages => "Large messages",
            Self::LossyNetwork => "2 % loss",
            Self::Tunnel => "Tunnel",
        }
    }

    /// What it does, in a sentence.
    pub const fn story(self) -> &'static str {
        match self {
            Self::Clean => "Every consumer takes its messages at once.",
            Self::SlowConsumer => {
                "The first lane's consumer sleeps 5 ms for each message; it loses nothing and falls behind."
            }
            Self::NewestOnly => {
                "The first lane's consumer is as slow, but gets only the newest message of each key, so it stays fresh."
            }
            Self::BusyConsumer => {
                "The first lane's consumer computes 5 ms for each message and blocks its own thread."
            }
            Self::Firehose => "20,000 messages of 64 bytes a second to consumers that take no time.",
            Self::LargeMessages => {
                "500 messages of 8 KB a second: too large for a datagram, many packets for the others."
            }
            Self::LossyNetwork => {
                "Each way 50 ms and 2 % of the packets lost. With BBR on all lanes what remains is the order that each \
                 transport keeps: one for all topics, or one for each."
            }
            Self::Tunnel => {
                "A phone on LTE, and nothing gets in for the first 4 s. Watch what each lane makes up for."
            }
        }
    }

    /// The set-up with this story in place of the one it tells.
    pub fn applied_to(self, setup: &PageSetup) -> PageSetup {
        let mut setup = setup.clone();
        let TicksSpec { keys, seed, .. } = setup.feeds.ticks;
        setup.feeds.ticks = TicksSpec { keys, seed, ..TicksSpec::default() };
        for lane in &mut setup.lanes {
            lane.consumer = CONSUMER_AT_ONCE;
            lane.policy = Policy::Lossless;
            lane.window = WindowChoice::Auto;
            lane.congestion = Congestion::Cubic;
        }
        setup.network = NetworkSetup { seed: setup.network.seed, ..NetworkSetup::default() };
        let ticks = &mut setup.feeds.ticks;
        let slow = |work| Consumer { delay_micros: 5_000, work };
        match self {
            Self::Clean => {}
            Self::SlowConsumer => set_first(&mut setup, slow(Work::Sleep), Policy::Lossless),
            Self::NewestOnly => set_first(&mut setup, slow(Work::Sleep), Policy::Latest),
            Self::BusyConsumer => set_first(&mut setup, slow(Work::Busy), Policy::Lossless),
            Self::Firehose => (ticks.rate, ticks.size) = (20_000, 64),
            Self::LargeMessages => (ticks.rate, ticks.size) = (500, 8_192),
            Self::LossyNetwork => {
                ticks.streams = 8;
                setup.network.preset = Preset::Lossy2;
                setup.lanes.iter_mut().for_each(|lane| lane.congestion = Congestion::Bbr);
            }
            Self::Tunnel => setup.network.preset = Preset::Lte,
        }
        setup
    }

    /// What happens at the beginning of the story.
    pub const fn event(self) -> Option<LabEvent> {
        match self {
            Self::Tunnel => Some(LabEvent::Tunnel { seconds: 4.0 }),
            Self::Clean
            | Self::SlowConsumer
            | Self::NewestOnly
            | Self::BusyConsumer
            | Self::Firehose
            | Self::LargeMessages
            | Self::LossyNetwork => None,
        }
    }

    /// Whether `setup` is this story, untouched.
    pub fn is_told_by(self, setup: &PageSetup) -> bool {
        self.applied_to(setup) == *setup
    }
}

fn set_first(setup: &mut PageSetup, consumer: Consumer, policy: Policy) {
    if let Some(first) = setup.lanes.first_mut() {
        (first.consumer, first.policy) = (consumer, policy);
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::mode::Mode;

    use super::*;

    #[test]
    fn the_first_page_is_the_clean_story() {
        assert!(Scenario::Clean.is_told_by(&PageSetup::default()));
    }

    #[test]
    fn each_story_is_told_by_its_own_set_up_alone() {
        for scenario in Scenario::ALL {
            let setup = scenario.applied_to(&PageSetup::default());
            let told: Vec<_> = Scenario::ALL.into_iter().filter(|other| other.is_told_by(&setup)).collect();
            assert_eq!(told, [scenario]);
        }
    }

    #[test]
    fn a_story_undoes_the_one_before_and_keeps_the_lanes() {
        let mut setup = PageSetup::default();
        setup.lanes[1].mode = Mode::Datagrams;
        let slow = Scenario::SlowConsumer.applied_to(&setup);
        assert_eq!(slow.lanes[0].consumer.delay_micros, 5_000);
        assert_eq!(slow.lanes[1], setup.lanes[1]);
        assert_eq!(Scenario::Clean.applied_to(&Scenario::Firehose.applied_to(&slow)), setup);
    }
}
