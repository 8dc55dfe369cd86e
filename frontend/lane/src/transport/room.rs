//! Where read loops wait while the lane has no room for more.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Whether there is room, and who waits for it: at most one waker of each read loop that is open.
#[derive(Debug, Default)]
pub(crate) struct Room {
    is_full: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Room {
    /// There is room, or there is none.
    pub(crate) fn set_full(&self, is_full: bool) {
        if self.is_full.replace(is_full) && !is_full {
            self.waiting.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Waits for room. A loop that does not read on holds the server back, through the browser's own buffer.
    pub(super) async fn wait(&self) {
        poll_fn(|cx| {
            if !self.is_full.get() {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    #[test]
    fn a_loop_waits_while_there_is_no_room() {
        let room = Room::default();
        let mut cx = Context::from_waker(Waker::noop());
        room.set_full(true);
        let mut waits = pin!(room.wait());
        assert!(waits.as_mut().poll(&mut cx).is_pending());
        assert_eq!(room.waiting.borrow().len(), 1);
        room.set_full(false);
        assert!(room.waiting.borrow().is_empty());
        assert!(waits.as_mut().poll(&mut cx).is_ready());
        assert!(pin!(room.wait()).poll(&mut cx).is_ready());
    }
}
