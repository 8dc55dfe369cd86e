//! Latency chart: the messages consumed in each 50 ms of the last 30 s.
//!
//! Filled by `LaneStats`. A report contains only the columns that changed since the last one.

use sluice_shared::time::Time;

use sluice_bridge::AgeColumn;

/// Newest [`AgeColumn::SHOWN`] columns, with those that changed since the last report.
#[derive(Debug)]
pub(super) struct Columns {
    slots: Vec<Slot>,
    newest: u64,
    /// Oldest column that has changed.
    changed_from: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    column: AgeColumn,
    sum_micros: u64,
}

impl Columns {
    pub(super) fn new() -> Self {
        Self { slots: vec![Slot::default(); AgeColumn::SHOWN], newest: 0, changed_from: None }
    }

    /// Counts a message with a latency of `age_micros`, consumed at `at`.
    pub(super) fn record(&mut self, age_micros: u32, at: Time) {
        let Some(Slot { column, sum_micros }) = self.slot(at) else { return };
        column.min = if column.count == 0 { age_micros } else { column.min.min(age_micros) };
        column.max = column.max.max(age_micros);
        column.count = column.count.saturating_add(1);
        *sum_micros += u64::from(age_micros);
        // A mean does not exceed the maximum, which is a `u32`.
        column.mean = u32::try_from(*sum_micros / u64::from(column.count)).unwrap_or(u32::MAX);
    }

    /// Counts messages of a reported gap.
    pub(super) fn record_gap(&mut self, messages: u64, at: Time) {
        let Some(Slot { column, .. }) = self.slot(at) else { return };
        column.gaps = column.gaps.saturating_add(u32::try_from(messages).unwrap_or(u32::MAX));
    }

    /// Marks the end of a stall.
    pub(super) fn record_stall(&mut self, at: Time) {
        if let Some(Slot { column, .. }) = self.slot(at) {
            column.stall = true;
        }
    }

    /// Returns the slot of `at`; `None` if that is older than the chart.
    fn slot(&mut self, at: Time) -> Option<&mut Slot> {
        let index = at.as_micros() / AgeColumn::WIDTH_MICROS;
        if index + AgeColumn::SHOWN as u64 <= self.newest {
            return None;
        }
        self.newest = self.newest.max(index);
        self.changed_from = Some(self.changed_from.map_or(index, |from| from.min(index)));
        let slot = &mut self.slots[place(index)];
        if slot.column.index != index {
            *slot = Slot { column: AgeColumn { index, ..AgeColumn::default() }, sum_micros: 0 };
        }
        Some(slot)
    }

    /// Takes the columns that have changed since the last call, oldest first.
    pub(super) fn take_changed(&mut self) -> Vec<AgeColumn> {
        let Some(from) = self.changed_from.take() else { return Vec::new() };
        let from = from.max((self.newest + 1).saturating_sub(AgeColumn::SHOWN as u64));
        (from..=self.newest)
            .map(|index| (index, self.slots[place(index)].column))
            .filter(|(index, column)| column.index == *index)
            .map(|(_, column)| column)
            .collect()
    }

    /// Discards all columns.
    pub(super) fn clear(&mut self) {
        self.slots.fill(Slot::default());
        (self.newest, self.changed_from) = (0, None);
    }
}

fn place(index: u64) -> usize {
    (index % AgeColumn::SHOWN as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(column: u64) -> Time {
        Time::from_micros(column * AgeColumn::WIDTH_MICROS + 7)
    }

    fn indices(columns: &[AgeColumn]) -> Vec<u64> {
        columns.iter().map(|column| column.index).collect()
    }

    #[test]
    fn a_column_holds_count_and_extremes() {
        let mut columns = Columns::new();
        for age in [30, 10, 50] {
            columns.record(age, at(1_000));
        }
        columns.record_gap(4, at(1_000));
        columns.record_stall(at(1_000));
        let expected = AgeColumn { index: 1_000, count: 3, min: 10, mean: 30, max: 50, gaps: 4, stall: true };
        assert_eq!(columns.take_changed(), [expected]);
    }

    #[test]
    fn only_what_changed_is_reported_again() {
        let mut columns = Columns::new();
        columns.record(1, at(1_000));
        columns.record(1, at(1_002));
        assert_eq!(indices(&columns.take_changed()), [1_000, 1_002]);
        assert!(columns.take_changed().is_empty());
        columns.record(1, at(1_002));
        columns.record(1, at(1_003));
        assert_eq!(indices(&columns.take_changed()), [1_002, 1_003]);
    }

    #[test]
    fn a_page_that_was_away_for_long_is_reported_what_is_on_the_chart() {
        let mut columns = Columns::new();
        (1_000..5_000).for_each(|index| columns.record(1, at(index)));
        let reported = columns.take_changed();
        assert_eq!(reported.len(), AgeColumn::SHOWN);
        assert_eq!((reported[0].index, reported[AgeColumn::SHOWN - 1].index), (4_400, 4_999));
        columns.record(1, at(4_399));
        assert!(columns.take_changed().is_empty());
    }
}
