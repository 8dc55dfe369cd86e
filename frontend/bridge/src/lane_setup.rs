//! Settings of lanes and feeds, as links, controls and lazily loaded views share them.

use serde::{Deserialize, Serialize};
use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::lab::Congestion;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::policy::Policy;
use sluice_shared::units::Amount;
use sluice_shared::wire::codec::MAX_ITEM;

use super::{Consumer, Endpoints, Recovery, Setup, Upkeep, Window, Work};

/// One lane's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneSetup {
    /// How its messages are carried.
    pub mode: Mode,
    /// How slow its consumer is.
    pub consumer: Consumer,
    /// What happens to messages there is no credit for.
    pub policy: Policy,
    /// How much may be on the way.
    pub window: WindowChoice,
    /// Which congestion controller it connects to; a direct lane has no choice.
    pub congestion: Congestion,
    /// Whether it bypasses the emulated network.
    pub is_direct: bool,
    /// What follows the loss of its connection.
    pub recovery: Recovery,
    /// Whether its WebTransport is raced with WebSocket, which stands in for it.
    pub falls_back: bool,
}

impl LaneSetup {
    /// A lane with a consumer that takes no time, losing nothing, its window its own business.
    pub const fn new(mode: Mode) -> Self {
        Self {
            mode,
            consumer: CONSUMER_AT_ONCE,
            policy: Policy::Lossless,
            window: WindowChoice::Auto,
            congestion: Congestion::Cubic,
            is_direct: false,
            recovery: Recovery::Resume,
            falls_back: false,
        }
    }

    /// Whether WebSocket stands in for its transport when that does not work.
    pub fn has_fallback(&self) -> bool {
        self.falls_back && self.mode.transport() == Transport::WebTransport
    }

    /// What a worker needs to run such a lane, subscribed to `specs`.
    pub fn for_worker(&self, feeds: &FeedSetup, specs: &[FeedSpec], endpoints: Endpoints) -> Setup {
        Setup {
            mode: self.mode,
            feeds: specs.to_vec(),
            policy: self.policy,
            window: self.window.for_size(feeds.ticks.size),
            consumer: self.consumer,
            upkeep: Upkeep { recovery: self.recovery, falls_back: self.has_fallback(), ..Upkeep::default() },
            fragment_bytes: 0,
            endpoints,
        }
    }
}

/// A consumer that takes no time.
pub const CONSUMER_AT_ONCE: Consumer = Consumer { delay_micros: 0, work: Work::Sleep };

/// A window as it is chosen: in messages; the bytes follow from the feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WindowChoice {
    /// Twice the consumption rate times the round-trip time.
    #[default]
    Auto,
    /// Always this many messages, 1 to [`WindowChoice::MAX_MESSAGES`].
    Messages(u32),
}

impl WindowChoice {
    /// The largest fixed window, messages.
    pub const MAX_MESSAGES: u32 = 65_536;
    /// Fixed windows that the page offers, messages.
    pub const OFFERED: [u32; 6] = [4, 16, 64, 256, 1_024, 4_096];
    /// What an item takes beside its payload, at most.
    const ITEM_OVERHEAD: u64 = 64;

    /// The window for messages of `size` bytes. Any single message fits, or a lane could wait for ever.
    pub fn for_size(self, size: u32) -> Window {
        match self {
            Self::Auto => Window::Auto,
            Self::Messages(messages) => {
                let messages = u64::from(messages);
                let bytes = messages * (u64::from(size) + Self::ITEM_OVERHEAD);
                Window::Fixed(Amount::new(messages, bytes.max(2 * MAX_ITEM as u64)))
            }
        }
    }
}

/// Which feeds are subscribed, and how the ticks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedSetup {
    /// Which feeds.
    pub kinds: FeedKinds,
    /// The settings of `ticks`, kept while it is off.
    pub ticks: TicksSpec,
}

impl FeedSetup {
    /// The largest rate that the page offers, messages a second.
    pub const MAX_RATE: u32 = 20_000;
    /// The largest number of topics that the page offers.
    pub const MAX_TOPICS: u16 = 32;

    /// The same set-up, but with all that the server offers when it offers nothing that is wanted: a lane follows at
    /// least one feed.
    pub fn fitted(self, offered: FeedKinds) -> Self {
        if self.specs(offered).is_empty() { Self { kinds: offered, ..self } } else { self }
    }

    /// The subscription, of the feeds that the server offers.
    pub fn specs(&self, offered: FeedKinds) -> Vec<FeedSpec> {
        FeedKind::ALL
            .into_iter()
            .filter(|kind| self.kinds.has(*kind) && offered.has(*kind))
            .map(|kind| match kind {
                FeedKind::Ticks => FeedSpec::Ticks(self.ticks),
                FeedKind::Host => FeedSpec::Host,
                FeedKind::Stdin => FeedSpec::Stdin,
                FeedKind::Publish => FeedSpec::Publish,
            })
            .collect()
    }
}

impl Default for FeedSetup {
    fn default() -> Self {
        Self {
            kinds: FeedKinds::NONE.with(FeedKind::Ticks).with(FeedKind::Host),
            ticks: TicksSpec::default(),
        }
    }
}

/// A kind of feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedKind {
    /// Made to measure.
    Ticks,
    /// The server's machine.
    Host,
    /// The server's standard input.
    Stdin,
    /// Posted to the server.
    Publish,
}

impl FeedKind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Ticks, Self::Host, Self::Stdin, Self::Publish];

    /// The name used in URLs and by the server.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ticks => "ticks",
            Self::Host => "host",
            Self::Stdin => "stdin",
            Self::Publish => "publish",
        }
    }

    /// What it carries, in a few words.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Ticks => "made to measure, from a seed",
            Self::Host => "this server's CPU, memory, network",
            Self::Stdin => "lines of the server's standard input",
            Self::Publish => "what is posted to /api/feeds",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A set of feed kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedKinds([bool; FeedKind::ALL.len()]);

impl FeedKinds {
    /// No feed.
    pub const NONE: Self = Self([false; FeedKind::ALL.len()]);

    /// Whether `kind` is in the set.
    pub const fn has(self, kind: FeedKind) -> bool {
        self.0[kind as usize]
    }

    /// The set with `kind` as well.
    pub const fn with(mut self, kind: FeedKind) -> Self {
        self.0[kind as usize] = true;
        self
    }

    /// The set with `kind` in it or not.
    pub const fn set(mut self, kind: FeedKind, present: bool) -> Self {
        self.0[kind as usize] = present;
        self
    }

    /// The kinds in the set.
    pub fn iter(self) -> impl Iterator<Item = FeedKind> {
        FeedKind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }

    /// The kinds with these names; unknown names are left out.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().filter_map(FeedKind::from_name).fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_window_always_lets_the_largest_message_pass() {
        for messages in WindowChoice::OFFERED {
            let Window::Fixed(amount) = WindowChoice::Messages(messages).for_size(16) else {
                unreachable!("it was fixed")
            };
            assert!(amount.bytes > MAX_ITEM as u64);
            assert_eq!(amount.messages, u64::from(messages));
        }
    }

    #[test]
    fn a_server_without_the_wanted_feeds_is_taken_as_it_is() {
        let offered = FeedKinds::NONE.with(FeedKind::Publish);
        assert_eq!(FeedSetup::default().fitted(offered).kinds, offered);
        let offered = offered.with(FeedKind::Ticks);
        assert_eq!(FeedSetup::default().fitted(offered), FeedSetup::default());
    }

    #[test]
    fn only_feeds_that_the_server_offers_are_subscribed() {
        let feeds = FeedSetup::default();
        let offered = FeedKinds::from_names(["host", "publish", "something-new"]);
        assert_eq!(feeds.specs(offered), [FeedSpec::Host]);
        assert_eq!(feeds.specs(FeedKinds::NONE), []);
    }
}
