//! Gate that pauses read loops while the lane takes no more.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Gate of the read loops; holds at most one waker of each of them.
#[derive(Debug, Default)]
pub(crate) struct ReadGate {
    is_closed: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl ReadGate {
    /// Opens or closes the gate.
    pub(crate) fn set_closed(&self, is_closed: bool) {
        if self.is_closed.replace(is_closed) && !is_closed {
            self.waiting.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Waits until the gate is open. A paused loop holds the server back, through the browser's own buffer.
    pub(super) async fn wait(&self) {
        poll_fn(|cx| {
            if !self.is_closed.get() {
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
        let gate = ReadGate::default();
        let mut cx = Context::from_waker(Waker::noop());
        gate.set_closed(true);
        let mut waits = pin!(gate.wait());
        assert!(waits.as_mut().poll(&mut cx).is_pending());
        assert_eq!(gate.waiting.borrow().len(), 1);
        gate.set_closed(false);
        assert!(gate.waiting.borrow().is_empty());
        assert!(waits.as_mut().poll(&mut cx).is_ready());
        assert!(pin!(gate.wait()).poll(&mut cx).is_ready());
    }
}
