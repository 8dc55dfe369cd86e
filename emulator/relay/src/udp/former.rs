//! Where a flow's packets came from before its client changed networks: those that it sent then are under way still.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use sluice_shared::time::Time;

use super::port::Port;

/// The addresses that a client has left, the latest last.
#[derive(Debug, Default)]
pub(super) struct FormerWays(VecDeque<FormerWay>);

#[derive(Debug)]
struct FormerWay {
    path: u32,
    left_at: Time,
    back: Arc<Port>,
    relay_side: SocketAddr,
}

impl FormerWays {
    /// At a time: each has a socket.
    const MOST: usize = 4;

    /// Path number `path` was left at `left_at`: the socket towards the servers, and the address that they know it by.
    pub(super) fn push(&mut self, path: u32, left_at: Time, (back, relay_side): (Arc<Port>, SocketAddr)) {
        if self.0.len() == Self::MOST {
            self.0.pop_front();
        }
        self.0.push_back(FormerWay { path, left_at, back, relay_side });
    }

    /// The socket and the address of path number `path`, if it is remembered.
    pub(super) fn find(&self, path: u32) -> Option<(&Port, SocketAddr)> {
        let way = self.0.iter().find(|way| way.path == path)?;
        Some((&way.back, way.relay_side))
    }

    /// Lets go of those that were left before `before`.
    pub(super) fn release(&mut self, before: Time) {
        self.0.retain(|way| way.left_at >= before);
    }

    /// Lets go of all.
    pub(super) fn release_all(&mut self) {
        self.0.clear();
    }
}
