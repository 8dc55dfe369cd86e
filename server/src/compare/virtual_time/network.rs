//! The two links of a lane.

use sluice_link::{Counters, Fate, Link, Weather};
use sluice_shared::link::{ByteCount, Direction, NetworkProfile};
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

/// A packet on its way, and the connection that it belongs to: one that is over takes nothing.
#[derive(Clone, Debug)]
pub(super) struct Tagged<P> {
    pub(super) connection: u32,
    pub(super) packet: P,
}

/// Both directions of a lane's network. They outlive its connections.
#[derive(Debug)]
pub(super) struct Network<P> {
    up: Link<Tagged<P>>,
    down: Link<Tagged<P>>,
}

impl<P: Clone> Network<P> {
    /// A network whose weather begins at `now`.
    pub(super) fn new(profile: &NetworkProfile, transport: Transport, seed: u64, now: Time) -> Self {
        let weather = Weather { seed, since: now };
        let mut up = Link::new(profile.up.clone(), weather, Direction::Up);
        let mut down = Link::new(profile.down.clone(), weather, Direction::Down);
        let is_blocked = profile.blocks_udp && transport == Transport::WebTransport;
        up.block(is_blocked);
        down.block(is_blocked);
        Self { up, down }
    }

    /// Sends a packet of `bytes` bytes with its IP header.
    pub(super) fn send(&mut self, direction: Direction, packet: Tagged<P>, bytes: usize, now: Time) {
        self.link_mut(direction).handle_packet(packet, ByteCount::new(bytes as u64), now);
    }

    /// The next packet that has arrived; what was lost is counted by the link.
    pub(super) fn poll_arrival(&mut self, direction: Direction, now: Time) -> Option<Tagged<P>> {
        loop {
            match self.link_mut(direction).poll_fate(now)? {
                Fate::Delivered(delivered) => return Some(delivered.packet),
                Fate::Dropped(_) => {}
            }
        }
    }

    /// When something arrives next.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        [self.up.poll_timeout(), self.down.poll_timeout()].into_iter().flatten().map(|(at, _)| at).min()
    }

    /// What one direction has done.
    pub(super) const fn counters(&self, direction: Direction) -> &Counters {
        match direction {
            Direction::Up => self.up.counters(),
            Direction::Down => self.down.counters(),
        }
    }

    const fn link_mut(&mut self, direction: Direction) -> &mut Link<Tagged<P>> {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}
