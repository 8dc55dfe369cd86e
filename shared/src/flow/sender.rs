//! The sender's half of credit.

use crate::units::Amount;

/// What may be sent and what was.
///
/// Invariant: `sent() ≤ limit()` in both counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sender {
    limit: Amount,
    sent: Amount,
}

impl Sender {
    /// A sender that was told `limit` at the start.
    pub const fn new(limit: Amount) -> Self {
        Self { limit, sent: Amount::ZERO }
    }

    /// Takes a new cumulative limit. One that is lower than the limit in force changes nothing in that count.
    pub fn handle_limit(&mut self, limit: Amount) {
        self.limit = self.limit.max_each(limit);
    }

    /// Whether one more message of `bytes` bytes may be sent.
    pub fn allows(&self, bytes: u64) -> bool {
        (self.sent + Amount::one(bytes)).fits_within(self.limit)
    }

    /// Spends credit for one message of `bytes` bytes, or says that there is none.
    #[must_use]
    pub fn try_spend(&mut self, bytes: u64) -> bool {
        let allowed = self.allows(bytes);
        if allowed {
            self.sent += Amount::one(bytes);
        }
        allowed
    }

    /// What was sent in total.
    pub const fn sent(&self) -> Amount {
        self.sent
    }

    /// What may be sent in total.
    pub const fn limit(&self) -> Amount {
        self.limit
    }
}
