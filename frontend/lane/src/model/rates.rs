//! What happened in the last second.

use sluice_shared::time::Time;

/// A sum over the last second, known to a tenth of it.
///
/// Time is cut into slots; the sum is that of the ten slots before the one that is still filling, so it is of one
/// whole second and up to a slot late.
#[derive(Clone, Debug, Default)]
pub(super) struct LastSecond {
    slots: [u64; Self::SLOTS + 1],
    /// The slot that is filling, in slots since the origin of time.
    filling: u64,
}

impl LastSecond {
    const SLOTS: usize = 10;
    const SLOT_MICROS: u64 = 1_000_000 / Self::SLOTS as u64;

    /// Adds `amount` at `now`.
    pub(super) fn add(&mut self, amount: u64, now: Time) {
        self.advance(now);
        let slot = self.place(self.filling);
        self.slots[slot] += amount;
    }

    /// The sum over the last second.
    pub(super) fn sum(&mut self, now: Time) -> u64 {
        self.advance(now);
        self.slots.iter().sum::<u64>() - self.slots[self.place(self.filling)]
    }

    fn advance(&mut self, now: Time) {
        let current = now.as_micros() / Self::SLOT_MICROS;
        if current > self.filling + Self::SLOTS as u64 {
            self.slots.fill(0);
            self.filling = current;
        }
        while self.filling < current {
            self.filling += 1;
            let slot = self.place(self.filling);
            self.slots[slot] = 0;
        }
    }

    fn place(&self, slot: u64) -> usize {
        (slot % self.slots.len() as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_rate_is_told_exactly() {
        let mut rate = LastSecond::default();
        for step in 0..5_000 {
            rate.add(2, Time::from_millis(1_000_000 + step));
        }
        assert_eq!(rate.sum(Time::from_millis(1_005_000)), 2_000);
    }

    #[test]
    fn what_is_older_than_a_second_does_not_count() {
        let mut rate = LastSecond::default();
        rate.add(7, Time::from_millis(50));
        assert_eq!(rate.sum(Time::from_millis(50)), 0);
        assert_eq!(rate.sum(Time::from_millis(100)), 7);
        assert_eq!(rate.sum(Time::from_millis(1_099)), 7);
        assert_eq!(rate.sum(Time::from_millis(1_100)), 0);
        rate.add(1, Time::from_millis(90_000));
        assert_eq!(rate.sum(Time::from_millis(90_100)), 1);
    }
}
