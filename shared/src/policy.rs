//! What the server does with messages that its client has no credit for.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// The rule for a subscriber that is slower than its feed. Every message a rule drops is reported in a gap, but for the
/// failure exhibits ([`Policy::is_exhibit`]): they show what servers do that have no such rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Policy {
    /// Keep everything: the subscriber is a cursor into the hub's log and only falls behind.
    #[default]
    Lossless,
    /// Keep the newest message of each key.
    Latest,
    /// Keep the newest `limit` messages.
    DropOldest {
        /// Messages kept, 1 to [`Policy::MAX_LIMIT`].
        limit: u32,
    },
    /// Keep the first `limit` messages and refuse newer ones while they wait.
    DropNewest {
        /// Messages kept, 1 to [`Policy::MAX_LIMIT`].
        limit: u32,
    },
    /// Exhibit: keep everything in a queue of the subscriber's own, whatever it takes; no credit holds the feed back.
    Unbounded,
    /// Exhibit: while `limit` messages wait, drop newer ones and tell nobody.
    SilentDrop {
        /// Messages kept, 1 to [`Policy::MAX_LIMIT`].
        limit: u32,
    },
    /// Exhibit: when the transport takes no more, try again at once, for as long as it takes.
    BusySpin,
}

impl Policy {
    /// The largest queue that a client may ask for, in messages.
    pub const MAX_LIMIT: u32 = 65_536;
    /// The queue of a dropping policy that names no limit, in messages.
    pub const DEFAULT_LIMIT: u32 = 256;

    /// The name without the limit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lossless => "lossless",
            Self::Latest => "latest",
            Self::DropOldest { .. } => "drop-oldest",
            Self::DropNewest { .. } => "drop-newest",
            Self::Unbounded => "unbounded",
            Self::SilentDrop { .. } => "silent-drop",
            Self::BusySpin => "busy-spin",
        }
    }

    /// Whether this is what a naive server does, shown on purpose and within bounds ([`crate::exhibit`]). It is chosen
    /// in the Hello alone, knows no credit, and its session cannot be resumed.
    pub const fn is_exhibit(self) -> bool {
        match self {
            Self::Lossless | Self::Latest | Self::DropOldest { .. } | Self::DropNewest { .. } => false,
            Self::Unbounded | Self::SilentDrop { .. } | Self::BusySpin => true,
        }
    }

    /// Whether messages wait in the hub's log rather than in a queue of the subscriber's own.
    pub const fn is_cursor(self) -> bool {
        matches!(self, Self::Lossless | Self::BusySpin)
    }

    /// Messages kept, for a policy that names a limit.
    pub const fn limit(self) -> Option<u32> {
        match self {
            Self::Lossless | Self::Latest | Self::Unbounded | Self::BusySpin => None,
            Self::DropOldest { limit } | Self::DropNewest { limit } | Self::SilentDrop { limit } => {
                Some(limit)
            }
        }
    }

    /// The same policy with another limit, if it has one.
    #[must_use]
    pub const fn with_limit(self, limit: u32) -> Self {
        match self {
            Self::Lossless | Self::Latest | Self::Unbounded | Self::BusySpin => self,
            Self::DropOldest { .. } => Self::DropOldest { limit },
            Self::DropNewest { .. } => Self::DropNewest { limit },
            Self::SilentDrop { .. } => Self::SilentDrop { limit },
        }
    }

    /// Whether a queue limit, if there is one, is within range.
    pub const fn is_valid(self) -> bool {
        match self.limit() {
            None => true,
            Some(limit) => limit >= 1 && limit <= Self::MAX_LIMIT,
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit() {
            None => f.write_str(self.name()),
            Some(limit) => write!(f, "{}:{limit}", self.name()),
        }
    }
}

/// A text that names no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown policy '{0}': use lossless, latest, drop-oldest[:1..65536] or drop-newest[:1..65536], or for a failure exhibit unbounded, silent-drop[:1..65536] or busy-spin"
)]
pub struct UnknownPolicy(pub String);

impl FromStr for Policy {
    type Err = UnknownPolicy;

    /// Reads `lossless`, `latest`, `drop-oldest[:N]`, `drop-newest[:N]`, `unbounded`, `silent-drop[:N]` or `busy-spin`.
    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        let unknown = || UnknownPolicy(text.to_owned());
        let (name, limit) = match text.split_once(':') {
            Some((name, limit)) => (name, Some(limit.parse::<u32>().map_err(|_| unknown())?)),
            None => (text, None),
        };
        let policy = match (name, limit) {
            ("lossless", None) => Self::Lossless,
            ("latest", None) => Self::Latest,
            ("drop-oldest", limit) => Self::DropOldest { limit: limit.unwrap_or(Self::DEFAULT_LIMIT) },
            ("drop-newest", limit) => Self::DropNewest { limit: limit.unwrap_or(Self::DEFAULT_LIMIT) },
            ("unbounded", None) => Self::Unbounded,
            ("silent-drop", limit) => Self::SilentDrop { limit: limit.unwrap_or(Self::DEFAULT_LIMIT) },
            ("busy-spin", None) => Self::BusySpin,
            _ => return Err(unknown()),
        };
        policy.is_valid().then_some(policy).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_policy_survives_its_text_form() {
        for policy in [
            Policy::Lossless,
            Policy::Latest,
            Policy::DropOldest { limit: 9 },
            Policy::DropNewest { limit: Policy::MAX_LIMIT },
            Policy::Unbounded,
            Policy::SilentDrop { limit: 7 },
            Policy::BusySpin,
        ] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
    }

    #[test]
    fn a_limit_out_of_range_is_refused() {
        assert!("drop-oldest:0".parse::<Policy>().is_err());
        assert!("drop-newest:65537".parse::<Policy>().is_err());
        assert!("lossless:4".parse::<Policy>().is_err());
        assert!("unbounded:4".parse::<Policy>().is_err());
        assert!("silent-drop:0".parse::<Policy>().is_err());
    }

    #[test]
    fn only_a_policy_that_names_a_limit_takes_another() {
        assert_eq!(Policy::SilentDrop { limit: 7 }.with_limit(9), Policy::SilentDrop { limit: 9 });
        assert_eq!(Policy::BusySpin.with_limit(9), Policy::BusySpin);
    }
}
