//! Sums over the last second.
//!
//! Used by `LaneStats` for rates and for the share of busy time.

use sluice_shared::time::Time;

/// Sum over the last second, with a resolution of a tenth of it.
///
/// Time is divided into slots. The sum covers the ten slots before the current one, so it spans one whole
/// second and lags by up to one slot.
#[derive(Clone, Debug, Default)]
pub(super) struct LastSecond {
    slots: [u64; Self::SLOTS + 1],
    /// Number of the current slot, in slots since the origin of time.
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

    /// Returns the sum over the last second.
    pub(super) fn sum(&mut self, now: Time) -> u64 {
        self.advance(now);
        self.slots.iter().sum::<u64>() - self.slots[self.place(self.filling)]
    }

    /// Adds the microseconds from `from` to `until`, each to its own slot.
    pub(super) fn add_span(&mut self, from: Time, until: Time) {
        self.advance(until);
        let (mut from, until) = (from.as_micros(), until.as_micros());
        from = from.max(self.filling.saturating_sub(Self::SLOTS as u64) * Self::SLOT_MICROS);
        while from < until {
            let slot = from / Self::SLOT_MICROS;
            let end = ((slot + 1) * Self::SLOT_MICROS).min(until);
            let place = self.place(slot);
            self.slots[place] += end - from;
            from = end;
        }
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
    fn an_even_rate_is_reported_exactly() {
        let mut rate = LastSecond::default();
        for step in 0..5_000 {
            rate.add(2, Time::from_millis(1_000_000 + step));
        }
        assert_eq!(rate.sum(Time::from_millis(1_005_000)), 2_000);
    }

    #[test]
    fn a_span_counts_where_it_lies() {
        let mut rate = LastSecond::default();
        rate.add_span(Time::from_millis(9_950), Time::from_millis(10_250));
        assert_eq!(rate.sum(Time::from_millis(10_300)), 300_000);
        assert_eq!(rate.sum(Time::from_millis(11_000)), 250_000);
        assert_eq!(rate.sum(Time::from_millis(11_250)), 50_000);
        rate.add_span(Time::from_millis(11_000), Time::from_millis(99_000));
        assert_eq!(rate.sum(Time::from_millis(99_000)), 1_000_000);
        // A span that ended before the time of the last count.
        let mut late = LastSecond::default();
        late.add(0, Time::from_millis(5_000));
        late.add_span(Time::from_millis(3_000), Time::from_millis(4_500));
        assert_eq!(late.sum(Time::from_millis(5_000)), 500_000);
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
