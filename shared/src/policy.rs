//! What the server does with messages that its client has no credit for.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// The rule for a subscriber that is slower than its feed. Every message a rule drops is reported in a gap.
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
        }
    }

    /// Whether a queue limit, if there is one, is within range.
    pub const fn is_valid(self) -> bool {
        match self {
            Self::Lossless | Self::Latest => true,
            Self::DropOldest { limit } | Self::DropNewest { limit } => limit >= 1 && limit <= Self::MAX_LIMIT,
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lossless | Self::Latest => f.write_str(self.name()),
            Self::DropOldest { limit } | Self::DropNewest { limit } => write!(f, "{}:{limit}", self.name()),
        }
    }
}

/// A text that names no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown policy '{0}': use lossless, latest, drop-oldest[:1..65536] or drop-newest[:1..65536]")]
pub struct UnknownPolicy(pub String);

impl FromStr for Policy {
    type Err = UnknownPolicy;

    /// Reads `lossless`, `latest`, `drop-oldest[:N]` or `drop-newest[:N]`.
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
        ] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
    }

    #[test]
    fn a_limit_out_of_range_is_refused() {
        assert!("drop-oldest:0".parse::<Policy>().is_err());
        assert!("drop-newest:65537".parse::<Policy>().is_err());
        assert!("lossless:4".parse::<Policy>().is_err());
    }
}
