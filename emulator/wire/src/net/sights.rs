//! The log of packets.

use std::net::SocketAddr;

use bytes::Bytes;
use sluice_link::DropReason;
use sluice_shared::link::Direction;
use sluice_shared::time::Time;
use sluice_tcp::Segment;

/// Most packets that the log keeps.
const MAX_SIGHTS: usize = 200_000;
/// Most bytes of packets that the log keeps.
const MAX_SIGHT_BYTES: u64 = 64 << 20;

/// One packet as it was sent, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Its number on this network: 0 for the first that was sent, in either direction.
    pub number: u64,
    /// Up from the client, or down from the server.
    pub direction: Direction,
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// When it was handed to its link.
    pub sent_at: Time,
    /// The IPv4 packet with all headers.
    pub bytes: u32,
    /// The ECN field of the IP header: 0 where nothing was asked for (RFC 3168 §5).
    pub ecn: u8,
    /// What is inside.
    pub content: Content,
    /// What became of it; `None` while it is under way.
    pub fate: Option<SightFate>,
    /// When further copies arrived that the link made.
    pub copies: Vec<Time>,
}

/// What is inside an IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A TCP segment.
    Tcp(Segment),
    /// A UDP datagram's payload.
    Udp(Bytes),
}

/// The end of a packet's way, at the link's exact time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SightFate {
    /// Its host took it.
    Arrived(Time),
    /// It came through to an address where nobody is, or not any more, and is lost.
    Unclaimed(Time),
    /// It never came through.
    Dropped(Time, DropReason),
}

/// The first packets of a network, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Sights {
    kept: Vec<Sight>,
    kept_bytes: u64,
    missed: u64,
}

impl Sights {
    /// Notes a packet and gives it its number.
    pub(super) fn add(
        &mut self,
        (from, to): (SocketAddr, SocketAddr),
        direction: Direction,
        (bytes, ecn): (u64, u8),
        content: Content,
        sent_at: Time,
    ) -> u64 {
        let number = self.kept.len() as u64 + self.missed;
        // Once one is missing no other is kept, so that the log is a whole beginning and a number is an index.
        let is_full = self.kept.len() >= MAX_SIGHTS || self.kept_bytes + bytes > MAX_SIGHT_BYTES;
        if self.missed > 0 || is_full {
            self.missed += 1;
            return number;
        }
        self.kept_bytes += bytes;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let (fate, copies) = (None, Vec::new());
        self.kept.push(Sight { number, direction, from, to, sent_at, bytes, ecn, content, fate, copies });
        number
    }

    /// Notes how a packet's way ended.
    pub(super) fn set_fate(&mut self, number: u64, fate: SightFate) {
        if let Some(sight) = self.find(number) {
            sight.fate = Some(fate);
        }
    }

    /// Notes that a copy of a packet arrived.
    pub(super) fn add_copy(&mut self, number: u64, at: Time) {
        if let Some(sight) = self.find(number) {
            sight.copies.push(at);
        }
    }

    pub(super) fn kept(&self) -> &[Sight] {
        &self.kept
    }

    pub(super) const fn missed(&self) -> u64 {
        self.missed
    }

    fn find(&mut self, number: u64) -> Option<&mut Sight> {
        self.kept.get_mut(usize::try_from(number).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::address::server_addr;

    fn add(sights: &mut Sights, bytes: u64) -> u64 {
        let (way, content) = ((server_addr(1), server_addr(2)), Content::Udp(Bytes::new()));
        sights.add(way, Direction::Down, (bytes, 0), content, Time::ZERO)
    }

    #[test]
    fn the_log_is_a_whole_beginning() {
        let mut sights = Sights::default();
        assert_eq!(add(&mut sights, MAX_SIGHT_BYTES - 1), 0);
        assert_eq!(add(&mut sights, 2), 1, "too large");
        assert_eq!(add(&mut sights, 1), 2, "it would fit, but comes after one that is missing");
        assert_eq!((sights.kept().len(), sights.missed()), (1, 2));
        sights.set_fate(2, SightFate::Arrived(Time::ZERO));
        sights.set_fate(0, SightFate::Arrived(Time::from_millis(1)));
        assert_eq!(sights.kept()[0].fate, Some(SightFate::Arrived(Time::from_millis(1))));
    }
}
