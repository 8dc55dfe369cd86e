//! Which connection of a lab is whose, and who looks on.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sluice_shared::lab::FrameEvent;

use super::outlet::Outlet;
use super::tap::Tap;
use crate::clock::Clock;

/// Lanes of a lab that are remembered.
const MAX_LANES: usize = 64;

/// The WebSockets of a lab. One of its lanes can be looked at at a time.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The newest connection of each lane.
    lanes: BTreeMap<u16, Weak<Tap>>,
    connections: u64,
    watched: Option<(u16, Arc<Outlet>)>,
}

impl Board {
    /// A tap for another connection of the lab.
    pub(crate) fn tap(self: &Arc<Self>, clock: Clock) -> Arc<Tap> {
        let mut state = self.0.lock();
        state.connections += 1;
        Arc::new(Tap::new(Arc::clone(self), state.connections - 1, clock))
    }

    /// A connection carries `lane`, instead of any before it.
    pub(super) fn name_lane(&self, lane: u16, tap: &Arc<Tap>) {
        let mut state = self.0.lock();
        if state.lanes.len() >= MAX_LANES && !state.lanes.contains_key(&lane) {
            state.lanes.retain(|_, tap| tap.strong_count() > 0);
            if state.lanes.len() >= MAX_LANES {
                state.lanes.pop_first();
            }
        }
        let before = state.lanes.insert(lane, Arc::downgrade(tap));
        if let Some((watched, outlet)) = &state.watched
            && *watched == lane
        {
            if let Some(before) = before.and_then(|before| before.upgrade()) {
                before.detach(outlet);
            }
            tap.attach(Arc::clone(outlet));
        }
    }

    /// Looks at the WebSockets of `lane`, one after the other, instead of whoever has looked at one so far; `None` when
    /// it has never had one.
    pub(crate) fn watch(self: &Arc<Self>, lane: u16) -> Option<FrameWatch> {
        let mut state = self.0.lock();
        let tap = state.lanes.get(&lane)?.upgrade();
        let outlet = Arc::new(Outlet::default());
        if let Some((other, before)) = state.watched.replace((lane, Arc::clone(&outlet))) {
            before.give_up();
            if let Some(tap) = state.lanes.get(&other).and_then(Weak::upgrade) {
                tap.detach(&before);
            }
        }
        if let Some(tap) = tap {
            tap.attach(Arc::clone(&outlet));
        }
        Some(FrameWatch { board: Arc::clone(self), outlet })
    }

    fn leave(&self, outlet: &Arc<Outlet>) {
        let mut state = self.0.lock();
        if let Some((lane, _)) = state.watched.take_if(|(_, watched)| Arc::ptr_eq(watched, outlet))
            && let Some(tap) = state.lanes.get(&lane).and_then(Weak::upgrade)
        {
            tap.detach(outlet);
        }
    }
}

/// Looks at a lane's frames until it is dropped, or until somebody else looks.
#[derive(Debug)]
pub(crate) struct FrameWatch {
    board: Arc<Board>,
    outlet: Arc<Outlet>,
}

impl FrameWatch {
    /// Whether somebody else looks instead.
    pub(crate) fn is_over(&self) -> bool {
        self.outlet.is_over()
    }

    /// What has passed since the last time; `None` when nothing has.
    pub(crate) fn take_news(&self) -> Option<FrameEvent> {
        self.outlet.take_news()
    }

    /// What has passed since the last time, even if nothing has.
    pub(crate) fn take(&self) -> FrameEvent {
        self.outlet.take()
    }
}

impl Drop for FrameWatch {
    fn drop(&mut self) {
        self.board.leave(&self.outlet);
    }
}
