//! Settings of lanes and feeds, shared by links, controls and lazily loaded views.
//!
//! [`LaneSetup::for_worker`] turns them into the [`Setup`] of a worker. A fixed window always holds any
//! single message, and a subscription contains only feeds that the server offers.

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
    /// Transport and ordering of its messages.
    pub mode: Mode,
    /// Simulated consumer.
    pub consumer: Consumer,
    /// Server's policy for messages without credit.
    pub policy: Policy,
    /// Amount of data the server may send ahead of consumption.
    pub window: WindowChoice,
    /// Congestion controller to whose port it connects; ignored for a direct lane.
    pub congestion: Congestion,
    /// True if it bypasses the emulated network.
    pub is_direct: bool,
    /// Reaction to the loss of its connection.
    pub recovery: Recovery,
    /// True if its WebTransport races WebSocket and falls back to it.
    pub falls_back: bool,
}

impl LaneSetup {
    /// Returns a lossless lane with an instant consumer and an automatic window.
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

    /// Returns whether the lane falls back to WebSocket when its own transport does not work.
    pub fn has_fallback(&self) -> bool {
        self.falls_back && self.mode.transport() == Transport::WebTransport
    }

    /// Returns the set-up with which a worker runs the lane, subscribed to `specs`.
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

/// A consumer that takes no time for a message.
pub const CONSUMER_AT_ONCE: Consumer = Consumer { delay_micros: 0, work: Work::Sleep };

/// Receive window as chosen on the page, in messages; the bytes follow from the feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WindowChoice {
    /// Twice the consumption rate times the round-trip time.
    #[default]
    Auto,
    /// A constant number of messages, 1 to [`WindowChoice::MAX_MESSAGES`].
    Messages(u32),
}

impl WindowChoice {
    /// The largest fixed window, messages.
    pub const MAX_MESSAGES: u32 = 65_536;
    /// Fixed windows that the page offers, messages.
    pub const OFFERED: [u32; 6] = [4, 16, 64, 256, 1_024, 4_096];
    /// Maximum overhead of an item beside its payload, bytes.
    const ITEM_OVERHEAD: u64 = 64;

    /// Returns the window for messages of `size` bytes. It holds any single message, since a lane could
    /// otherwise wait forever.
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

/// Subscribed feeds and the settings of the `ticks` feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedSetup {
    /// Kinds of subscribed feeds.
    pub kinds: FeedKinds,
    /// Settings of the `ticks` feed, kept while it is not subscribed.
    pub ticks: TicksSpec,
}

impl FeedSetup {
    /// The largest rate that the page offers, messages a second.
    pub const MAX_RATE: u32 = 20_000;
    /// The largest number of topics that the page offers.
    pub const MAX_TOPICS: u16 = 32;

    /// Returns this set-up, or one with all offered feeds if the server offers none of the wanted ones: a
    /// lane follows at least one feed.
    pub fn fitted(self, offered: FeedKinds) -> Self {
        if self.specs(offered).is_empty() { Self { kinds: offered, ..self } } else { self }
    }

    /// Returns the specifications of the wanted feeds that the server offers.
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
    /// Synthetic messages, generated from a seed.
    Ticks,
    /// Measurements of the server's machine.
    Host,
    /// Lines of the server's standard input.
    Stdin,
    /// Messages posted to the server.
    Publish,
}

impl FeedKind {
    /// All kinds, in display order.
    pub const ALL: [Self; 4] = [Self::Ticks, Self::Host, Self::Stdin, Self::Publish];

    /// Returns the name used in URLs and by the server.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ticks => "ticks",
            Self::Host => "host",
            Self::Stdin => "stdin",
            Self::Publish => "publish",
        }
    }

    /// Returns a short description of its content.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Ticks => "made to measure, from a seed",
            Self::Host => "this server's CPU, memory, network",
            Self::Stdin => "lines of the server's standard input",
            Self::Publish => "what is posted to /api/feeds",
        }
    }

    /// Returns the kind with this name; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A set of feed kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedKinds([bool; FeedKind::ALL.len()]);

impl FeedKinds {
    /// The empty set.
    pub const NONE: Self = Self([false; FeedKind::ALL.len()]);

    /// Returns whether `kind` is in the set.
    pub const fn has(self, kind: FeedKind) -> bool {
        self.0[kind as usize]
    }

    /// Returns the set with `kind` added.
    pub const fn with(mut self, kind: FeedKind) -> Self {
        self.0[kind as usize] = true;
        self
    }

    /// Returns the set with `kind` present or absent.
    pub const fn set(mut self, kind: FeedKind, present: bool) -> Self {
        self.0[kind as usize] = present;
        self
    }

    /// Returns an iterator over the kinds in the set.
    pub fn iter(self) -> impl Iterator<Item = FeedKind> {
        FeedKind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }

    /// Returns the kinds with these names; unknown names are ignored.
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
