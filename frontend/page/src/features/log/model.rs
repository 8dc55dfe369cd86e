//! Event log of the page.

use std::collections::VecDeque;

use sluice_shared::time::Time;

use sluice_bridge::{Level, LogLine};

/// The newest [`Log::MAX_LINES`] log lines.
#[derive(Debug, Default)]
pub struct Log {
    lines: VecDeque<LogLine>,
    next_number: u64,
}

impl Log {
    /// Maximum number of lines kept.
    pub const MAX_LINES: usize = 200;

    /// Adds a line and drops the oldest one beyond the limit.
    pub fn add(&mut self, at: Time, level: Level, lane: Option<String>, text: String) {
        self.lines.push_back(LogLine { number: self.next_number, at, level, lane, text });
        self.next_number += 1;
        if self.lines.len() > Self::MAX_LINES {
            self.lines.pop_front();
        }
    }

    /// Returns the lines, newest first.
    pub fn newest_first(&self) -> Vec<LogLine> {
        self.lines.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_the_newest_lines() {
        let mut log = Log::default();
        for number in 0..500 {
            log.add(Time::from_millis(number), Level::Info, None, number.to_string());
        }
        let lines = log.newest_first();
        assert_eq!(lines.len(), Log::MAX_LINES);
        assert_eq!(lines[0].text, "499");
        assert_eq!(lines[0].number, 499);
    }
}
