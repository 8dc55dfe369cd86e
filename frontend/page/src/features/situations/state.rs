//! Modes of the lanes from before a situation replaced them.

use std::cell::RefCell;

use sluice_shared::mode::Mode;

use crate::url::setup::PageSetup;

thread_local! {
    static SHARED: &'static ModesBefore = Box::leak(Box::default());
}

/// Modes of the lanes before a failure beside its fix replaced them; empty if none has. They outlive the view.
#[derive(Debug, Default)]
pub struct ModesBefore(RefCell<Vec<Mode>>);

impl ModesBefore {
    /// Returns the one state of this page.
    pub fn shared() -> &'static Self {
        SHARED.with(|shared| *shared)
    }

    /// Prepares a set-up for the next situation: a pair has two lanes at least, and their modes are kept; any other
    /// situation gives the lanes their own modes back.
    pub fn prepare(&self, setup: &mut PageSetup, is_pair: bool) {
        let mut modes = self.0.borrow_mut();
        if is_pair {
            if modes.is_empty() {
                modes.extend(setup.lanes.iter().map(|lane| lane.mode));
            }
            if let [only] = setup.lanes.as_slice() {
                let second = *only;
                setup.lanes.push(second);
            }
        } else {
            for (lane, mode) in setup.lanes.iter_mut().zip(modes.drain(..)) {
                lane.mode = mode;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_keeps_the_modes_for_the_next_situation() {
        let (before, mut setup) = (ModesBefore::default(), PageSetup::default());
        let own: Vec<_> = setup.lanes.iter().map(|lane| lane.mode).collect();
        before.prepare(&mut setup, true);
        setup.lanes.iter_mut().for_each(|lane| lane.mode = Mode::Datagrams);
        before.prepare(&mut setup, true);
        before.prepare(&mut setup, false);
        assert_eq!(setup.lanes.iter().map(|lane| lane.mode).collect::<Vec<_>>(), own);
        setup.lanes[0].mode = Mode::OneStream;
        before.prepare(&mut setup, false);
        assert_eq!(setup.lanes[0].mode, Mode::OneStream, "they are given back once");
    }

    #[test]
    fn a_pair_has_two_lanes() {
        let mut setup = PageSetup::default();
        setup.lanes.truncate(1);
        ModesBefore::default().prepare(&mut setup, true);
        assert_eq!(setup.lanes.len(), 2);
        assert_eq!(setup.lanes[0], setup.lanes[1]);
    }
}
