//! Ready-made set-ups (scenarios) of the lab, shown by the situation cards and applied by the page's state.
//! A scenario changes a `PageSetup` only; its lab event follows separately ([`Scenario::event`]).

use sluice_shared::feed::TicksSpec;
use sluice_shared::lab::{Congestion, LabEvent};
use sluice_shared::link::Preset;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;

use crate::features::flood::model::{SLOW_DELAY_MS, SLOW_RATE_KBIT};
use crate::features::network::model::NetworkSetup;
use crate::url::setup::CONSUMER_AT_ONCE;
use crate::url::setup::PageSetup;
use crate::url::setup::WindowChoice;
use sluice_bridge::Consumer;
use sluice_bridge::Recovery;
use sluice_bridge::View;
use sluice_bridge::Work;

/// Ready-made scenario. It changes the feed, the network and the consumers, and leaves the lanes' modes and
/// paths alone; a scenario that compares a failure with its fix gives the second lane the first lane's mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// No bottleneck.
    Clean,
    /// The first lane's consumer waits 5 ms per message, twice the time available.
    SlowConsumer,
    /// As [`Self::SlowConsumer`], but the first lane keeps only the newest message of each key.
    NewestOnly,
    /// The first lane's consumer computes for 5 ms per message and blocks its thread.
    BusyConsumer,
    /// 20,000 small messages a second.
    Firehose,
    /// Messages that fit neither in a datagram nor in a single packet.
    LargeMessages,
    /// Packet loss, with congestion control that does not slow down for it.
    LossyNetwork,
    /// A phone that enters a tunnel and leaves it again.
    Tunnel,
    /// A slow network, with a client that floods the server.
    Flood,
    /// A full queue that drops silently, beside one that reports what it drops.
    SilentDrop,
    /// An unbounded queue, beside a cursor.
    Unbounded,
    /// A write that is retried immediately, beside one that waits.
    BusySpin,
    /// A page that starts over after each outage, beside one that resumes.
    StartOver,
    /// WebTransport where UDP is blocked, beside a lane that falls back.
    BlockedUdp,
}

impl Scenario {
    /// Scenarios that compare a failure with its fix.
    pub const PAIRS: [Self; 5] =
        [Self::SilentDrop, Self::StartOver, Self::Unbounded, Self::BusySpin, Self::BlockedUdp];

    /// All other scenarios in display order; the first row is visible without scrolling.
    pub const ALL: [Self; 9] = [
        Self::Clean,
        Self::LossyNetwork,
        Self::SlowConsumer,
        Self::Tunnel,
        Self::NewestOnly,
        Self::BusyConsumer,
        Self::Firehose,
        Self::LargeMessages,
        Self::Flood,
    ];

    /// Returns the name used in test ids.
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
            Self::Flood => "flood",
            Self::SilentDrop => "silent-drop",
            Self::Unbounded => "unbounded",
            Self::BusySpin => "busy-spin",
            Self::StartOver => "start-over",
            Self::BlockedUdp => "blocked-udp",
        }
    }

    /// Returns the title shown on the page.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Clean => "Clean",
            Self::SlowConsumer => "Slow consumer",
            Self::NewestOnly => "Slow, newest only",
            Self::BusyConsumer => "Busy consumer",
            Self::Firehose => "Firehose",
            Self::LargeMessages => "Large messages",
            Self::LossyNetwork => "Head-of-line blocking",
            Self::Tunnel => "Tunnel",
            Self::Flood => "Flood",
            Self::SilentDrop => "Silent drops",
            Self::Unbounded => "Endless queue",
            Self::BusySpin => "Busy spin",
            Self::StartOver => "Reload in the tunnel",
            Self::BlockedUdp => "UDP blocked",
        }
    }

    /// Returns a one-sentence description.
    pub const fn summary(self) -> &'static str {
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
                "50 ms each way, 2 % of packets lost, BBR on all lanes: what differs is the order each transport keeps."
            }
            Self::Tunnel => {
                "A phone on LTE, and nothing gets in for the first 4 s. Watch what each lane makes up for."
            }
            Self::Flood => {
                "10 Mbit/s and a server that returns every byte. Flood it, and see what waits where, and what a heartbeat feels."
            }
            Self::SilentDrop => {
                "One slow client. The first lane's server drops what does not fit and tells nobody; the second's names each message it drops."
            }
            Self::Unbounded => {
                "One slow client. The first lane's server queues without end, to a cap of 32 MiB; the second's keeps a cursor into one shared log."
            }
            Self::BusySpin => {
                "One slow client. The first lane's server tries each blocked write again at once; the second's waits until there is room."
            }
            Self::StartOver => {
                "A train with tunnels, and another address after each. The first lane begins anew each time, as a page that reloads; the second resumes where it was."
            }
            Self::BlockedUdp => {
                "A network that lets no UDP through. The first lane has WebTransport alone; the second races it with WebSocket and takes what works."
            }
        }
    }

    /// Returns `setup` with this scenario in place of the one it currently shows.
    pub fn applied_to(self, setup: &PageSetup) -> PageSetup {
        let mut setup = setup.clone();
        let TicksSpec { keys, seed, .. } = setup.feeds.ticks;
        setup.feeds.ticks = TicksSpec { keys, seed, ..TicksSpec::default() };
        for lane in &mut setup.lanes {
            lane.consumer = CONSUMER_AT_ONCE;
            lane.policy = Policy::Lossless;
            lane.window = WindowChoice::Auto;
            lane.congestion = Congestion::Cubic;
            (lane.recovery, lane.falls_back) = (Recovery::Resume, false);
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
            Self::Flood => {
                setup.network.change.rate_kbit = Some(SLOW_RATE_KBIT);
                setup.network.change.delay_ms = Some(SLOW_DELAY_MS);
            }
            Self::SilentDrop => {
                set_pair(&mut setup, Policy::SilentDrop { limit: QUEUE }, Policy::DropOldest { limit: QUEUE })
            }
            Self::Unbounded => set_pair(&mut setup, Policy::Unbounded, Policy::Lossless),
            Self::BusySpin => set_pair(&mut setup, Policy::BusySpin, Policy::Lossless),
            Self::StartOver => {
                share_mode(&mut setup);
                setup.network.preset = Preset::Train;
                if let Some(first) = setup.lanes.first_mut() {
                    first.recovery = Recovery::StartOver;
                }
            }
            Self::BlockedUdp => {
                setup.network.preset = Preset::UdpBlocked;
                for (lane, falls_back) in setup.lanes.iter_mut().zip([false, true]) {
                    (lane.mode, lane.falls_back) = (Mode::StreamPerTopic, falls_back);
                }
            }
        }
        setup
    }

    /// True if the scenario needs a second lane with the first lane's mode.
    pub fn is_pair(self) -> bool {
        Self::PAIRS.contains(&self)
    }

    /// Returns the view that shows the scenario best.
    pub const fn view(self) -> Option<View> {
        match self {
            Self::SilentDrop | Self::Unbounded | Self::BusySpin => Some(View::Trace),
            Self::StartOver | Self::BlockedUdp => Some(View::Continuity),
            Self::Flood => Some(View::Inbound),
            Self::Clean
            | Self::SlowConsumer
            | Self::NewestOnly
            | Self::BusyConsumer
            | Self::Firehose
            | Self::LargeMessages
            | Self::LossyNetwork
            | Self::Tunnel => None,
        }
    }

    /// Returns the lab event to send when the scenario starts.
    pub const fn event(self) -> Option<LabEvent> {
        match self {
            Self::Tunnel => Some(LabEvent::Tunnel { seconds: 4.0 }),
            Self::Clean
            | Self::SlowConsumer
            | Self::NewestOnly
            | Self::BusyConsumer
            | Self::Firehose
            | Self::LargeMessages
            | Self::LossyNetwork
            | Self::Flood
            | Self::SilentDrop
            | Self::Unbounded
            | Self::BusySpin
            | Self::StartOver
            | Self::BlockedUdp => None,
        }
    }

    /// True if `setup` is exactly this scenario, without changes.
    pub fn matches(self, setup: &PageSetup) -> bool {
        self.applied_to(setup) == *setup
    }
}

/// Queue limit of the compared policies, messages.
const QUEUE: u32 = 64;

/// Sets a feed of more than twice the rate of a consumer that takes 5 ms per message, with enough bytes to
/// fill buffers quickly.
const fn flood(setup: &mut PageSetup) {
    (setup.feeds.ticks.rate, setup.feeds.ticks.size) = (500, 8_192);
}

/// Sets a failure and its fix, both with the same slow consumer.
fn set_pair(setup: &mut PageSetup, failure: Policy, fix: Policy) {
    share_mode(setup);
    flood(setup);
    for (lane, policy) in setup.lanes.iter_mut().zip([failure, fix]) {
        (lane.consumer, lane.policy) = (Consumer { delay_micros: 5_000, work: Work::Busy }, policy);
    }
}

fn share_mode(setup: &mut PageSetup) {
    if let [first, second, ..] = setup.lanes.as_mut_slice() {
        second.mode = first.mode;
    }
}

fn set_first(setup: &mut PageSetup, consumer: Consumer, policy: Policy) {
    if let Some(first) = setup.lanes.first_mut() {
        (first.consumer, first.policy) = (consumer, policy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::setup::LaneSetup;

    #[test]
    fn the_first_page_is_the_clean_situation() {
        assert!(Scenario::Clean.matches(&PageSetup::default()));
    }

    #[test]
    fn each_situation_matches_its_own_set_up_alone() {
        let all = || Scenario::ALL.into_iter().chain(Scenario::PAIRS);
        for scenario in all() {
            let setup = scenario.applied_to(&PageSetup::default());
            let matching: Vec<_> = all().filter(|other| other.matches(&setup)).collect();
            assert_eq!(matching, [scenario]);
        }
    }

    #[test]
    fn a_failure_and_its_fix_differ_in_nothing_else() {
        for scenario in Scenario::PAIRS {
            let setup = scenario.applied_to(&PageSetup::default());
            let [failure, fix] = setup.lanes.as_slice() else { panic!("{} lanes", setup.lanes.len()) };
            assert_ne!(failure, fix);
            assert!(!fix.policy.is_exhibit() && fix.recovery == Recovery::Resume);
            let alike = LaneSetup {
                policy: fix.policy,
                recovery: fix.recovery,
                falls_back: fix.falls_back,
                ..*failure
            };
            assert_eq!(alike, *fix);
        }
    }

    #[test]
    fn a_situation_undoes_the_one_before_and_keeps_the_lanes() {
        let mut setup = PageSetup::default();
        setup.lanes[1].mode = Mode::Datagrams;
        let slow = Scenario::SlowConsumer.applied_to(&setup);
        assert_eq!(slow.lanes[0].consumer.delay_micros, 5_000);
        assert_eq!(slow.lanes[1], setup.lanes[1]);
        assert_eq!(Scenario::Clean.applied_to(&Scenario::Firehose.applied_to(&slow)), setup);
    }
}
