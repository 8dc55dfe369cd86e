//! What a simulated run is set to.

use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::flow::WindowMode;
use sluice_shared::ids::StreamId;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::units::Amount;

use super::choices::Choices;

/// Streams of each feed.
pub(crate) const STREAMS_PER_FEED: u32 = 3;

/// One run: what is produced, how it travels, and what disturbs it. Times are in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) mode: Mode,
    pub(crate) policy: Policy,
    pub(crate) window: WindowMode,
    /// Feeds that are subscribed at the start, of [`Setting::ALL_FEEDS`].
    pub(crate) feeds: u64,
    pub(crate) keys: u64,
    /// Messages in total.
    pub(crate) messages: u64,
    /// Mean time between two messages.
    pub(crate) produce_every: u64,
    /// Payload bytes, smallest and largest.
    pub(crate) sizes: (u64, u64),
    /// What the log of each stream keeps.
    pub(crate) log_bound: Amount,
    pub(crate) network: Network,
    pub(crate) consumer: Consumer,
    pub(crate) disturbance: Disturbance,
}

/// How bytes travel. The client's items, and on WebTransport the server's control items, have paths of their own.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) down_delay: u64,
    pub(crate) up_delay: u64,
    pub(crate) control_delay: u64,
    /// Longest extra delay of what may pass each other: streams among themselves, and datagrams.
    pub(crate) jitter: u64,
    /// Datagrams lost, and come twice, of a thousand.
    pub(crate) loss: u64,
    pub(crate) duplicate: u64,
    /// Bytes a second; 0 for no limit.
    pub(crate) rate: u64,
    /// Bytes that a lane of the transport takes before it is blocked.
    pub(crate) capacity: u64,
    /// One topic whose bytes take longer by so much.
    pub(crate) held_topic: Option<(StreamId, u64)>,
    pub(crate) datagram_limit: u64,
    pub(crate) batch_messages: u64,
    pub(crate) batch_bytes: u64,
}

/// How messages are consumed.
#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    /// Time that one message takes.
    pub(crate) each: u64,
    /// Messages, of a thousand, that take [`Consumer::stall`] longer.
    pub(crate) stalls: u64,
    pub(crate) stall: u64,
}

/// What happens on the way. Mean times between two; 0 for never.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disturbance {
    pub(crate) cut_every: u64,
    /// Reconnects, of a thousand, at which the server has restarted, and has forgotten the session.
    pub(crate) restarts: u64,
    pub(crate) forgets: u64,
    pub(crate) policy_every: u64,
    pub(crate) feeds_every: u64,
    pub(crate) window_every: u64,
}

impl Disturbance {
    /// Whether what waits at the server stays there, under its policy, until it is sent.
    pub(crate) const fn keeps_what_waits(&self) -> bool {
        self.policy_every == 0 && self.feeds_every == 0 && self.forgets == 0 && self.restarts == 0
    }
}

impl Setting {
    /// How many feeds there are.
    pub(crate) const ALL_FEEDS: u64 = 3;

    /// A run that nothing disturbs: 20 ms each way, a quick consumer, room for everything.
    pub(crate) fn calm(mode: Mode, policy: Policy) -> Self {
        Self {
            mode,
            policy,
            window: WindowMode::Fixed(Amount::new(256, 256 * 1024)),
            feeds: 2,
            keys: 5,
            messages: 500,
            produce_every: 2_000,
            sizes: (24, 200),
            log_bound: Amount::new(100_000, 1 << 30),
            network: Network {
                down_delay: 20_000,
                up_delay: 20_000,
                control_delay: 20_000,
                jitter: 10_000,
                loss: 0,
                duplicate: 0,
                rate: 0,
                capacity: 64 * 1024,
                held_topic: None,
                datagram_limit: 1_200,
                batch_messages: 32,
                batch_bytes: 16 * 1024,
            },
            consumer: Consumer { each: 0, stalls: 0, stall: 0 },
            disturbance: Disturbance::default(),
        }
    }

    /// A run that differs from the calm one in everything that `choices` may pick, but for disturbances.
    pub(crate) fn random(mode: Mode, policy: Policy, choices: &mut Choices) -> Self {
        let window = match choices.below(4) {
            0 => WindowMode::Auto,
            1 => WindowMode::Fixed(Amount::new(choices.between(1, 8), choices.between(1, 200_000))),
            _ => WindowMode::Fixed(Amount::new(choices.between(1, 300), choices.between(1, 1 << 20))),
        };
        let largest = choices.one_of(&[24, 100, 100, 1_500, 20_000]);
        Self {
            window,
            feeds: choices.between(1, Self::ALL_FEEDS),
            keys: choices.between(1, 12),
            messages: choices.between(100, 400),
            produce_every: choices.one_of(&[200, 1_000, 3_000]),
            sizes: (24, largest),
            network: Network {
                down_delay: choices.between(0, 80_000),
                up_delay: choices.between(0, 80_000),
                control_delay: choices.between(0, 120_000),
                jitter: choices.between(0, 60_000),
                loss: choices.one_of(&[0, 20, 200]),
                duplicate: choices.one_of(&[0, 20]),
                rate: choices.one_of(&[0, 0, 50_000, 500_000]),
                capacity: choices.one_of(&[1, 2_000, 64 * 1024]),
                held_topic: choices.chance(200).then(|| (StreamId(0), choices.between(0, 300_000))),
                datagram_limit: choices.one_of(&[100, 400, 1_200]),
                batch_messages: choices.one_of(&[1, 4, 64]),
                batch_bytes: choices.one_of(&[64, 1_200, 32 * 1024]),
            },
            consumer: Consumer {
                each: choices.one_of(&[0, 0, 500, 4_000]),
                stalls: choices.one_of(&[0, 5, 30]),
                stall: choices.between(0, 300_000),
            },
            ..Self::calm(mode, policy)
        }
    }

    /// The policies that runs take in turn.
    pub(crate) fn random_policy(choices: &mut Choices) -> Policy {
        let limit = u32::try_from(choices.between(1, 40)).expect("a small number");
        choices.one_of(&[
            Policy::Lossless,
            Policy::Latest,
            Policy::DropOldest { limit },
            Policy::DropNewest { limit },
        ])
    }

    /// Bytes of the largest encoded message, or a little more.
    pub(crate) const fn largest_item(&self) -> u64 {
        self.sizes.1 + 40
    }
}

/// The feed with this number.
pub(crate) fn feed(number: u64) -> FeedSpec {
    FeedSpec::Ticks(TicksSpec { seed: number, ..TicksSpec::default() })
}

/// The streams of a feed made by [`feed`].
pub(crate) fn streams_of(spec: FeedSpec) -> impl Iterator<Item = StreamId> {
    let number = match spec {
        FeedSpec::Ticks(ticks) => u32::try_from(ticks.seed).expect("a small number"),
        FeedSpec::Host | FeedSpec::Stdin | FeedSpec::Publish => panic!("only ticks are simulated"),
    };
    (0..STREAMS_PER_FEED).map(move |index| StreamId(number * STREAMS_PER_FEED + index))
}
