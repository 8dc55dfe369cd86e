//! Log of a WebSocket's decoded frames, fed by the frame watch of the frames state. It is bounded: the newest
//! `KEPT` data frames and as many control frames.

use std::collections::VecDeque;
use std::sync::Arc;

use sluice_shared::lab::{FrameEvent, FrameRecord, FrameTotals, Opcode, UpgradeRecord};

use sluice_text::format;

/// Number of frames listed.
const SHOWN: usize = 40;
/// Number of frames kept of each sort, data and control.
const KEPT: usize = 80;

/// Retained frames of a lane's connection.
#[derive(Clone, Debug, Default)]
pub struct FrameLog {
    connection: Option<u64>,
    data: VecDeque<Arc<FrameRecord>>,
    /// Control frames are kept apart: they are rare, and data frames must not evict them.
    control: VecDeque<Arc<FrameRecord>>,
    /// The opening handshake.
    pub upgrade: Option<UpgradeRecord>,
    /// Totals of the connection.
    pub counts: FrameCounts,
}

/// Totals of the frames of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// From the client.
    pub up: FrameTotals,
    /// From the server.
    pub down: FrameTotals,
    /// Frames not reported individually since the log began.
    pub skipped: u64,
    /// Why the connection or the watch ended, if it has.
    pub ended: Option<String>,
}

impl FrameCounts {
    /// Returns the number of all frames.
    pub fn frames(&self) -> u64 {
        Opcode::ALL.iter().map(|opcode| self.of(*opcode)).sum()
    }

    /// Returns the number of frames of one kind.
    pub fn of(&self, opcode: Opcode) -> u64 {
        Opcode::ALL
            .iter()
            .position(|kind| *kind == opcode)
            .map_or(0, |at| self.up.frames[at] + self.down.frames[at])
    }

    /// Returns the totals in a sentence.
    pub fn text(&self) -> String {
        let mut text = format::count(self.frames()) + " frames";
        for opcode in Opcode::ALL {
            let count = self.of(opcode);
            if count > 0 {
                text += &[", ", &format::count(count), " ", opcode.name()].concat();
            }
        }
        if self.skipped > 0 {
            text += &["; ", &format::count(self.skipped), " of them too many to be listed"].concat();
        }
        if let Some(why) = &self.ended {
            text += "; ";
            text += why;
        }
        text
    }
}

impl FrameLog {
    /// Returns the connection's number; `None` before the first event.
    pub const fn connection(&self) -> Option<u64> {
        self.connection
    }

    /// True if any event was received.
    pub const fn has_begun(&self) -> bool {
        self.connection.is_some()
    }

    /// Applies an event.
    pub fn take(&mut self, event: FrameEvent) {
        if self.connection != Some(event.connection) {
            *self = Self { connection: Some(event.connection), ..Self::default() };
        }
        if let Some(upgrade) = event.upgrade {
            self.upgrade = Some(upgrade);
        }
        for frame in event.frames {
            let sort = if frame.opcode & 0x8 == 0 { &mut self.data } else { &mut self.control };
            if sort.len() >= KEPT {
                sort.pop_front();
            }
            sort.push_back(Arc::new(frame));
        }
        let ended = event.has_ended.then(|| "the connection is over".to_owned());
        self.counts = FrameCounts {
            up: event.up,
            down: event.down,
            skipped: self.counts.skipped + event.skipped,
            ended: event.lost.or(ended),
        };
    }

    /// Returns the newest frames, newest first, optionally of one kind only.
    pub fn newest(&self, kind: Option<Opcode>) -> Vec<Arc<FrameRecord>> {
        let mut shown: Vec<_> = self
            .data
            .iter()
            .chain(&self.control)
            .filter(|frame| kind.is_none_or(|kind| kind == Opcode::from_number(frame.opcode)))
            .map(Arc::clone)
            .collect();
        shown.sort_unstable_by_key(|frame| u64::MAX - frame.number);
        shown.truncate(SHOWN);
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u64, opcode: u8) -> FrameRecord {
        let text = format!(
            r#"{{"number":{number},"at":0,"direction":"down","fin":true,"rsv":0,"opcode":{opcode},
                "header":"8205","length":5,"wire":"48656c6c6f","is_between":false}}"#
        );
        serde_json::from_str(&text).expect("the server's words")
    }

    fn event(connection: u64, frames: Vec<FrameRecord>) -> FrameEvent {
        let (up, down) = (FrameTotals::default(), FrameTotals::default());
        FrameEvent { connection, upgrade: None, frames, skipped: 2, up, down, lost: None, has_ended: false }
    }

    #[test]
    fn a_flood_of_data_does_not_drive_pings_out() {
        let mut log = FrameLog::default();
        log.take(event(0, vec![frame(0, 9)]));
        log.take(event(0, (1..500).map(|number| frame(number, 2)).collect()));
        assert_eq!(log.newest(None).len(), SHOWN);
        assert_eq!(log.newest(None)[0].number, 499);
        let pings = log.newest(Some(Opcode::Ping));
        assert_eq!(pings.iter().map(|frame| frame.number).collect::<Vec<_>>(), [0]);
        assert_eq!((log.data.len(), log.counts.skipped), (KEPT, 4));
        log.take(event(1, vec![frame(0, 2)]));
        assert_eq!((log.newest(None).len(), log.counts.skipped), (1, 2), "another connection");
    }
}
