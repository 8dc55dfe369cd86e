//! Track of a lane's flood over the last 30 s, in columns of the timeline's width. The engine adds reports;
//! the flood chart draws the columns.

use std::collections::VecDeque;

use sluice_bridge::{AgeColumn, FloodLevel, FloodReport, InboundColumn};
use sluice_shared::flood::Flood;
use sluice_shared::time::Time;

/// Track of the newest [`AgeColumn::SHOWN`] columns of a lane's flood.
#[derive(Clone, Debug, Default)]
pub struct InboundTrack {
    columns: VecDeque<InboundColumn>,
    /// Time for which the server had not read as of the last report, microseconds.
    stopped_micros: u64,
}

impl InboundTrack {
    /// Adds a report made at `now`.
    pub fn push(&mut self, flooding: &FloodReport, now: Time) {
        let index = now.as_micros() / AgeColumn::WIDTH_MICROS;
        if self.columns.back().is_none_or(|last| last.index < index) {
            self.columns.push_back(InboundColumn { index, ..InboundColumn::default() });
        }
        while self.columns.len() > AgeColumn::SHOWN {
            self.columns.pop_front();
        }
        let server = &flooding.server;
        let has_stopped = server.stopped_at.is_some() || server.stopped_micros > self.stopped_micros;
        self.stopped_micros = server.stopped_micros;
        if let Some(column) = self.columns.back_mut() {
            column.buffered = column.buffered.max(flooding.level.buffered);
            column.is_full |= is_full(&flooding.level);
            column.is_stopped |= has_stopped;
            column.heartbeat_micros = column.heartbeat_micros.max(flooding.heartbeat_micros);
        }
    }

    /// Returns the columns, oldest first.
    pub fn columns(&self) -> impl Iterator<Item = &InboundColumn> {
        self.columns.iter()
    }

    /// Removes all columns.
    pub fn clear(&mut self) {
        self.columns.clear();
    }
}

/// True if the browser's send buffer is full.
pub fn is_full(level: &FloodLevel) -> bool {
    match level.desired_size {
        Some(size) => size <= 0,
        None => level.buffered >= u64::from(Flood::PACED_BYTES),
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::wire::Inbound;

    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn flooding(buffered: u64, stopped_micros: u64, heartbeat_micros: u64) -> FloodReport {
        FloodReport {
            level: FloodLevel { buffered, desired_size: None },
            heartbeat_micros: Some(heartbeat_micros),
            server: Inbound { stopped_micros, ..Inbound::default() },
            ..FloodReport::default()
        }
    }

    #[test]
    fn a_column_keeps_the_worst_of_its_time() {
        let mut track = InboundTrack::default();
        track.push(&flooding(100_000, 0, 40), at(10_000));
        track.push(&flooding(10, 0, 60), at(10_049));
        track.push(&flooding(10, 5_000, 50), at(10_050));
        track.push(&flooding(10, 5_000, 50), at(10_100));
        let columns: Vec<_> = track.columns().copied().collect();
        let first = InboundColumn {
            index: 200,
            buffered: 100_000,
            is_full: true,
            is_stopped: false,
            heartbeat_micros: Some(60),
        };
        assert_eq!(columns[0], first);
        assert_eq!((columns[1].is_full, columns[1].is_stopped), (false, true), "it stopped in between");
        assert!(!columns[2].is_stopped);
        assert_eq!(columns.len(), 3);
    }

    #[test]
    fn half_a_minute_is_kept() {
        let mut track = InboundTrack::default();
        for column in 0..2_000 {
            track.push(&flooding(1, 0, 1), at(column * 50));
        }
        assert_eq!(track.columns.len(), AgeColumn::SHOWN);
    }

    #[test]
    fn a_writer_is_full_when_it_asks_for_nothing() {
        let level = |buffered, desired_size| FloodLevel { buffered, desired_size };
        assert!(is_full(&level(0, Some(0))) && is_full(&level(0, Some(-3_999))));
        assert!(!is_full(&level(9_000_000, Some(1))));
        assert!(is_full(&level(65_536, None)) && !is_full(&level(65_535, None)));
    }
}
