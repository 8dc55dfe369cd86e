//! Columns of one lane's latency chart.

use std::collections::VecDeque;

use sluice_bridge::AgeColumn;

/// Ring of the newest [`AgeColumn::SHOWN`] columns, in ascending order of their index.
/// A growing column is reported repeatedly, so a later report of an index replaces the earlier one.
#[derive(Debug, Default)]
pub struct ColumnRing {
    columns: VecDeque<AgeColumn>,
}

impl ColumnRing {
    /// Merges the columns of a report.
    pub fn merge(&mut self, reported: &[AgeColumn]) {
        for column in reported {
            let at = self.columns.partition_point(|held| held.index < column.index);
            match self.columns.get_mut(at) {
                Some(held) if held.index == column.index => *held = *column,
                Some(_) | None => self.columns.insert(at, *column),
            }
        }
        let newest = self.columns.back().map_or(0, |column| column.index);
        let oldest_kept = newest.saturating_sub(AgeColumn::SHOWN as u64);
        while self.columns.front().is_some_and(|column| column.index < oldest_kept) {
            self.columns.pop_front();
        }
    }

    /// Returns the columns from `first_index` on.
    pub fn since(&self, first_index: u64) -> impl Iterator<Item = &AgeColumn> + Clone {
        let at = self.columns.partition_point(|column| column.index < first_index);
        self.columns.range(at..)
    }

    /// Removes all columns.
    pub fn clear(&mut self) {
        self.columns.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(index: u64, max: u32) -> AgeColumn {
        AgeColumn { index, count: 1, max, ..AgeColumn::default() }
    }

    #[test]
    fn a_column_reported_again_replaces_itself() {
        let mut ring = ColumnRing::default();
        ring.merge(&[column(10, 1), column(11, 2)]);
        ring.merge(&[column(11, 9), column(12, 3)]);
        let seen: Vec<_> = ring.since(0).map(|column| (column.index, column.max)).collect();
        assert_eq!(seen, [(10, 1), (11, 9), (12, 3)]);
    }

    #[test]
    fn the_ring_holds_what_the_chart_shows_and_no_more() {
        let mut ring = ColumnRing::default();
        for index in 0..5_000 {
            ring.merge(&[column(index, 1)]);
        }
        assert_eq!(ring.since(0).count(), AgeColumn::SHOWN + 1);
    }
}
