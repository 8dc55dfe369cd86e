//! The receiver's half of credit.

use crate::units::Amount;
use crate::wire::codec::MAX_ITEM;

/// The largest message with its length prefix, bytes.
const LARGEST_ITEM: u64 = MAX_ITEM as u64 + 3;

/// What has arrived, what was consumed, and what the sender has been allowed.
///
/// Grants follow consumption, not arrival: a message in the inbox still holds its credit. A grant is due when half
/// of the window (in either count) has been consumed since the last one, so grants cost about two a window; and when
/// everything is consumed but the largest message might not fit into what is left. A window is never smaller than
/// [`Receiver::SMALLEST`], so none can stand still before a message that does not fit into it.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    window: Amount,
    /// What still waits from an earlier connection: it takes up window, but was never sent on this one.
    held: Amount,
    limit: Amount,
    received: Amount,
    consumed: Amount,
}

/// What a grant tells the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantReport {
    /// What may be sent in total.
    pub limit: Amount,
    /// What has arrived in total.
    pub received: Amount,
    /// What was consumed or written off in total.
    pub consumed: Amount,
}

impl Receiver {
    /// The smallest window: one message of the largest size. A smaller one that is asked for is taken as this.
    pub const SMALLEST: Amount = Amount::one(LARGEST_ITEM);

    /// A receiver on a new connection that lets `window` be on the way, less what `held` still waits from before.
    pub fn new(window: Amount, held: Amount) -> Self {
        let window = window.max_each(Self::SMALLEST);
        Self { window, held, limit: window - held, received: Amount::ZERO, consumed: Amount::ZERO }
    }

    /// Counts a message of `bytes` bytes that has arrived.
    ///
    /// Returns whether the sender was allowed to send it; `false` means that the law was broken.
    #[must_use]
    pub fn handle_received(&mut self, bytes: u64) -> bool {
        self.received += Amount::one(bytes);
        self.received.fits_within(self.limit)
    }

    /// Returns the credit of what was consumed, or will never come. What was held from before goes first.
    pub fn handle_consumed(&mut self, amount: Amount) {
        let from_before = amount.min_each(self.held);
        self.held = self.held - from_before;
        self.consumed += amount - from_before;
    }

    /// Counts what never arrived, by the sender's own totals, as arrived; [`Receiver::handle_consumed`] returns its credit.
    pub fn handle_lost(&mut self, amount: Amount) {
        self.received += amount;
    }

    /// Another window. A smaller one takes effect as messages are consumed, since limits never shrink.
    pub fn set_window(&mut self, window: Amount) {
        self.window = window.max_each(Self::SMALLEST);
    }

    /// The limit to send, if one is due.
    pub fn poll_grant(&mut self) -> Option<GrantReport> {
        let next = self.limit.max_each(self.consumed + (self.window - self.held));
        let step = next - self.limit;
        let due = step.messages >= self.window.messages.div_ceil(2).max(1)
            || step.bytes >= self.window.bytes.div_ceil(2).max(1);
        let idle = self.consumed == self.received;
        let starved = idle && !step.is_zero() && (self.limit - self.received).bytes < LARGEST_ITEM;
        if !due && !starved {
            return None;
        }
        self.limit = next;
        Some(self.report())
    }

    /// The limit in force with the totals, for repeating it.
    pub const fn report(&self) -> GrantReport {
        GrantReport { limit: self.limit, received: self.received, consumed: self.consumed }
    }

    /// What may be on the way.
    pub const fn window(&self) -> Amount {
        self.window
    }

    /// What the sender may send in total.
    pub const fn limit(&self) -> Amount {
        self.limit
    }

    /// What has arrived or was counted as lost, in total.
    pub const fn received(&self) -> Amount {
        self.received
    }

    /// Whether a sender that has sent `sent` in total may send another message, however large.
    pub fn has_room_after(&self, sent: Amount) -> bool {
        (sent + Self::SMALLEST).fits_within(self.limit)
    }

    /// What was consumed in total.
    pub const fn consumed(&self) -> Amount {
        self.consumed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_grant_follows_when_half_of_the_window_is_consumed() {
        let mut receiver = Receiver::new(Amount::new(4, 1 << 20), Amount::ZERO);
        for _ in 0..2 {
            assert!(receiver.handle_received(10));
        }
        receiver.handle_consumed(Amount::one(10));
        assert_eq!(receiver.poll_grant(), None);
        receiver.handle_consumed(Amount::one(10));
        assert_eq!(receiver.poll_grant().map(|report| report.limit.messages), Some(6));
        assert_eq!(receiver.poll_grant(), None);
    }

    #[test]
    fn a_message_beyond_the_limit_is_an_overrun() {
        let mut receiver = Receiver::new(Amount::new(1, 1 << 20), Amount::ZERO);
        assert!(receiver.handle_received(10));
        assert!(!receiver.handle_received(10));
    }

    #[test]
    fn a_window_below_the_largest_message_is_taken_as_one() {
        let mut receiver = Receiver::new(Amount::new(0, 1), Amount::ZERO);
        assert_eq!(receiver.limit(), Receiver::SMALLEST);
        receiver.set_window(Amount::ZERO);
        assert_eq!(receiver.window(), Receiver::SMALLEST);
    }

    #[test]
    fn what_is_held_from_before_takes_up_window_until_it_is_consumed() {
        let held = Amount::new(3, 300);
        let mut receiver = Receiver::new(Amount::new(4, 1 << 20), held);
        assert_eq!(receiver.limit().messages, 1);
        for _ in 0..3 {
            receiver.handle_consumed(Amount::one(100));
        }
        assert_eq!(receiver.consumed(), Amount::ZERO);
        assert_eq!(receiver.poll_grant().map(|report| report.limit), Some(Amount::new(4, 1 << 20)));
    }
}
