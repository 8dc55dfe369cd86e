//! What waits to be told to somebody who looks on.

use std::collections::VecDeque;

use parking_lot::Mutex;
use sluice_shared::lab::{FrameEvent, FrameRecord, FrameTotals, Opcode, UpgradeRecord};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;

use super::inspector::{Inspector, Seen};

/// Data frames that wait at most; older ones are skipped.
const MAX_DATA: usize = 32;
/// Control frames that wait at most: they are rare, and what is asked for most.
const MAX_CONTROL: usize = 16;

/// Between the connections of a lane, one after the other, and somebody who looks on.
#[derive(Debug, Default)]
pub(super) struct Outlet(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    connection: u64,
    upgrade: Option<UpgradeRecord>,
    data: VecDeque<FrameRecord>,
    control: VecDeque<FrameRecord>,
    skipped: u64,
    totals: [FrameTotals; 2],
    lost: Option<&'static str>,
    has_ended: bool,
    /// Whether there is news.
    is_fresh: bool,
    /// Whether somebody else looks on instead.
    is_over: bool,
}

impl Outlet {
    /// Another connection is looked at from here on, as far as `inspector` has come with it.
    pub(super) fn attach(&self, connection: u64, inspector: &Inspector) {
        let mut waiting = self.0.lock();
        *waiting = Waiting {
            connection,
            upgrade: inspector.upgrade().cloned(),
            is_fresh: true,
            is_over: waiting.is_over,
            ..Waiting::default()
        };
        waiting.note(inspector);
    }

    /// `bytes` have passed at `at`: `inspector` looks into them. Whoever looks on is told of all that is in them or of
    /// nothing, so that frames and totals agree.
    pub(super) fn look(&self, inspector: &mut Inspector, direction: Direction, bytes: &[u8], at: Time) {
        let mut waiting = self.0.lock();
        inspector.handle_bytes(direction, bytes, at, Some(&mut |seen: Seen| waiting.see(seen)));
        waiting.note(inspector);
    }

    /// The connection is over.
    pub(super) fn handle_end(&self) {
        let mut waiting = self.0.lock();
        (waiting.has_ended, waiting.is_fresh) = (true, true);
    }

    /// Somebody else looks on.
    pub(super) fn give_up(&self) {
        self.0.lock().is_over = true;
    }

    /// Whether somebody else looks on.
    pub(super) fn is_over(&self) -> bool {
        self.0.lock().is_over
    }

    /// What is new; `None` when nothing is.
    pub(super) fn take_news(&self) -> Option<FrameEvent> {
        let mut waiting = self.0.lock();
        waiting.is_fresh.then(|| waiting.take())
    }

    /// What is new, and the totals in any case.
    pub(super) fn take(&self) -> FrameEvent {
        self.0.lock().take()
    }
}

impl Waiting {
    fn see(&mut self, seen: Seen) {
        self.is_fresh = true;
        match seen {
            Seen::Upgrade(upgrade) => self.upgrade = Some(upgrade),
            Seen::Frame(frame) => self.push(frame),
        }
    }

    fn push(&mut self, frame: FrameRecord) {
        let (queue, most) = match Opcode::from_number(frame.opcode) {
            Opcode::Text | Opcode::Binary | Opcode::Continuation => (&mut self.data, MAX_DATA),
            Opcode::Ping | Opcode::Pong | Opcode::Close | Opcode::Reserved => {
                (&mut self.control, MAX_CONTROL)
            }
        };
        if queue.len() >= most {
            queue.pop_front();
            self.skipped += 1;
        }
        queue.push_back(frame);
    }

    fn note(&mut self, inspector: &Inspector) {
        self.totals = inspector.totals().map(|totals| *totals);
        self.is_fresh |= self.lost != inspector.lost();
        self.lost = inspector.lost();
    }

    fn take(&mut self) -> FrameEvent {
        self.is_fresh = false;
        let mut frames: Vec<FrameRecord> = self.data.drain(..).chain(self.control.drain(..)).collect();
        frames.sort_by_key(|frame| frame.number);
        let [up, down] = self.totals;
        FrameEvent {
            connection: self.connection,
            upgrade: self.upgrade.take(),
            frames,
            skipped: std::mem::take(&mut self.skipped),
            up,
            down,
            lost: self.lost.map(str::to_owned),
            has_ended: self.has_ended,
        }
    }
}
