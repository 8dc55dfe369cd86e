//! Quantities that flow control counts in.

use core::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// A number of messages together with their bytes: a level, a limit, or a running total.
///
/// Bytes are those of the encoded item, length prefix included ([`crate::wire::codec`]), so both sides count alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Amount {
    /// How many messages.
    pub messages: u64,
    /// How many bytes their encoded items take.
    pub bytes: u64,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self { messages: 0, bytes: 0 };
    /// As much as can be counted.
    pub const MAX: Self = Self { messages: u64::MAX, bytes: u64::MAX };

    /// `messages` messages in `bytes` bytes.
    pub const fn new(messages: u64, bytes: u64) -> Self {
        Self { messages, bytes }
    }

    /// One message of `bytes` bytes.
    pub const fn one(bytes: u64) -> Self {
        Self { messages: 1, bytes }
    }

    /// Whether neither count passes `limit`'s.
    pub const fn fits_within(self, limit: Self) -> bool {
        self.messages <= limit.messages && self.bytes <= limit.bytes
    }

    /// The larger of each count: how cumulative limits are merged, so a late or repeated one is harmless.
    pub fn max_each(self, other: Self) -> Self {
        Self { messages: self.messages.max(other.messages), bytes: self.bytes.max(other.bytes) }
    }

    /// The smaller of each count.
    pub fn min_each(self, other: Self) -> Self {
        Self { messages: self.messages.min(other.messages), bytes: self.bytes.min(other.bytes) }
    }

    /// Whether both counts are zero.
    pub const fn is_zero(self) -> bool {
        self.messages == 0 && self.bytes == 0
    }
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_add(other.messages),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Amount {
    type Output = Self;

    /// What is left, each count held at zero.
    fn sub(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_sub(other.messages),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}
