//! Connections that nobody has accepted yet.

use std::collections::VecDeque;
use std::task::Waker;

use super::end::EndId;

/// Most connections of a port that are in their handshake or wait to be accepted; further SYNs are ignored, as Linux
/// does (`listen(2)`).
const MAX_WAITING: usize = 1_024;

/// Those who wait at one port.
#[derive(Debug)]
pub(super) struct Backlog {
    /// Whose it is.
    pub(super) listener: u64,
    half_open: usize,
    established: VecDeque<EndId>,
    acceptors: Vec<Waker>,
}

impl Backlog {
    pub(super) const fn new(listener: u64) -> Self {
        Self { listener, half_open: 0, established: VecDeque::new(), acceptors: Vec::new() }
    }

    /// Counts a handshake that begins, if there is room.
    pub(super) fn begin(&mut self) -> bool {
        let has_room = self.half_open + self.established.len() < MAX_WAITING;
        self.half_open += usize::from(has_room);
        has_room
    }

    /// A handshake came to nothing.
    pub(super) const fn give_up(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    /// A handshake is over; says who waits for it.
    pub(super) fn establish(&mut self, id: EndId) -> Vec<Waker> {
        self.give_up();
        self.established.push_back(id);
        std::mem::take(&mut self.acceptors)
    }

    /// Takes the connection that waits longest, or notes who wants one.
    pub(super) fn accept(&mut self, waker: &Waker) -> Option<EndId> {
        let accepted = self.established.pop_front();
        if accepted.is_none() && !self.acceptors.iter().any(|known| known.will_wake(waker)) {
            self.acceptors.push(waker.clone());
        }
        accepted
    }

    /// Those who will never be accepted.
    pub(super) fn into_unaccepted(self) -> VecDeque<EndId> {
        self.established
    }
}
