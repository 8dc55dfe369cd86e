//! What a native client asks for, and how it behaves.

use std::time::Duration;

use sluice_shared::feed::FeedSpec;
use sluice_shared::flow::WindowMode;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::session::{ClientConfig, Heartbeat};
use sluice_shared::units::Amount;

/// What a client asks for, and how it behaves.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The session's settings.
    pub config: ClientConfig,
    /// How fast it consumes.
    pub pace: Pace,
    /// The page that it pretends to come from.
    pub origin: Option<String>,
    /// Whether it comes back, for as long as it takes, when a connection ends that nobody cut on purpose, or falls
    /// silent. Without it, such an end is the client's end.
    pub comes_back: bool,
    /// Whether it keeps a [`crate::timeline::Timeline`].
    pub is_timed: bool,
}

/// How fast a consumer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as messages come.
    AtOnce,
    /// This long for each message.
    Delay(Duration),
    /// This long for each message, and nothing more is read while one waits: what the server sends piles up on the way.
    Reads(Duration),
    /// It reads and consumes nothing.
    Never,
}

impl Lane {
    /// A lossless lane of `mode` on `feeds`, consumed at once, its window its own business.
    pub fn new(mode: Mode, feeds: impl Into<Vec<FeedSpec>>) -> Self {
        let config = ClientConfig {
            mode,
            feeds: feeds.into(),
            policy: Policy::Lossless,
            window: WindowMode::Auto,
            sample_every: Duration::from_millis(100),
            heartbeat: Heartbeat { interval: Duration::from_millis(250), ..Heartbeat::default() },
        };
        Self { config, pace: Pace::AtOnce, origin: None, comes_back: false, is_timed: false }
    }

    /// With another pace.
    #[must_use]
    pub const fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// With another policy.
    #[must_use]
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.config.policy = policy;
        self
    }

    /// With a fixed window of `messages` messages and `bytes` bytes.
    #[must_use]
    pub const fn window(mut self, messages: u64, bytes: u64) -> Self {
        self.config.window = WindowMode::Fixed(Amount::new(messages, bytes));
        self
    }

    /// Coming back whenever a connection ends.
    #[must_use]
    pub const fn coming_back(mut self) -> Self {
        self.comes_back = true;
        self
    }

    /// Keeping a timeline.
    #[must_use]
    pub const fn timed(mut self) -> Self {
        self.is_timed = true;
        self
    }

    /// As a page of `origin`.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.into());
        self
    }
}
