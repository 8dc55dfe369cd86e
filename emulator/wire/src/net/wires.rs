//! The two links, and what is on them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use quinn::udp::EcnCodepoint;
use sluice_link::{DropReason, Fate, Link, Weather};
use sluice_shared::link::{ByteCount, Direction, NetworkProfile};
use sluice_shared::time::Time;
use sluice_tcp::Segment;

use super::address::direction_from;
use super::sights::{Content, SightFate, Sights};

/// What IPv4 and UDP add to a datagram, bytes.
const UDP_HEADER_BYTES: u64 = 28;

/// What a packet carries.
#[derive(Clone, Debug)]
pub(crate) enum Cargo {
    /// A segment of a connection of that epoch.
    Tcp {
        segment: Segment,
        epoch: u64,
    },
    Udp {
        payload: Bytes,
        ecn: Option<EcnCodepoint>,
    },
}

/// A packet that came through.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) cargo: Cargo,
    number: u64,
    at: Time,
    is_copy: bool,
}

/// One link each way, shared by everything between client and server.
#[derive(Debug)]
pub(crate) struct Wires {
    up: Link<Packet>,
    down: Link<Packet>,
    seed: u64,
    is_udp_blocked: bool,
    sights: Sights,
}

#[derive(Clone, Debug)]
struct Packet {
    number: u64,
    from: SocketAddr,
    to: SocketAddr,
    cargo: Cargo,
}

impl Wires {
    pub(super) fn new(profile: &NetworkProfile, seed: u64, now: Time) -> Self {
        let weather = Weather { seed, since: now };
        Self {
            up: Link::new(profile.up.clone(), weather, Direction::Up),
            down: Link::new(profile.down.clone(), weather, Direction::Down),
            seed,
            is_udp_blocked: profile.blocks_udp,
            sights: Sights::default(),
        }
    }

    pub(super) const fn sights(&self) -> &Sights {
        &self.sights
    }

    /// Where every chance of this network comes from.
    pub(crate) const fn seed(&self) -> u64 {
        self.seed
    }

    /// Hands a packet to the link that begins at `from`.
    pub(crate) fn send(&mut self, from: SocketAddr, to: SocketAddr, cargo: Cargo, now: Time) {
        self.send_on(direction_from(from), from, to, cargo, now);
    }

    /// Hands a packet to a link, whatever it says where it comes from.
    pub(super) fn send_on(
        &mut self,
        direction: Direction,
        from: SocketAddr,
        to: SocketAddr,
        cargo: Cargo,
        now: Time,
    ) {
        let (bytes, ecn, content) = match &cargo {
            Cargo::Tcp { segment, .. } => (segment.wire_len() as u64, 0, Content::Tcp(segment.clone())),
            Cargo::Udp { payload, ecn } => {
                let bytes = payload.len() as u64 + UDP_HEADER_BYTES;
                (bytes, ecn.map_or(0, |ecn| ecn as u8), Content::Udp(payload.clone()))
            }
        };
        let is_blocked = self.is_udp_blocked && matches!(cargo, Cargo::Udp { .. });
        let number = self.sights.add((from, to), direction, (bytes, ecn), content, now);
        if is_blocked {
            self.sights.set_fate(number, SightFate::Dropped(now, DropReason::Blocked));
            return;
        }
        let packet = Packet { number, from, to, cargo };
        self.link_mut(direction).handle_packet(packet, ByteCount::new(bytes), now);
    }

    /// The next packet that has come through by `now`; what was lost on the way is noted.
    pub(super) fn take_arrival(&mut self, direction: Direction, now: Time) -> Option<Arrival> {
        loop {
            match self.link_mut(direction).poll_fate(now)? {
                Fate::Delivered(delivered) => {
                    let (at, is_copy) = (delivered.delivered_at, delivered.is_duplicate);
                    let Packet { number, from, to, cargo } = delivered.packet;
                    return Some(Arrival { from, to, cargo, number, at, is_copy });
                }
                Fate::Dropped(dropped) => {
                    let fate = SightFate::Dropped(dropped.dropped_at, dropped.reason);
                    self.sights.set_fate(dropped.packet.number, fate);
                }
            }
        }
    }

    /// Notes whether somebody took a packet that came through.
    pub(super) fn note_arrival(&mut self, receipt: Receipt, is_claimed: bool) {
        if receipt.is_copy {
            self.sights.add_copy(receipt.number, receipt.at);
        } else {
            let fate =
                if is_claimed { SightFate::Arrived(receipt.at) } else { SightFate::Unclaimed(receipt.at) };
            self.sights.set_fate(receipt.number, fate);
        }
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        let dues = [self.up.poll_timeout(), self.down.poll_timeout()];
        dues.into_iter().flatten().map(|(at, _)| at).min()
    }

    /// Another network from now on, whose outage schedule and bad spells begin now.
    pub(super) fn set_profile(&mut self, profile: &NetworkProfile, now: Time) {
        let weather = Weather { seed: self.seed, since: now };
        self.up.set_profile(profile.up.clone(), weather, now);
        self.down.set_profile(profile.down.clone(), weather, now);
        self.is_udp_blocked = profile.blocks_udp;
    }

    pub(super) fn start_outage(&mut self, duration: Duration, now: Time) {
        self.up.start_outage(duration, now);
        self.down.start_outage(duration, now);
    }

    pub(super) const fn block_udp(&mut self, is_blocked: bool) {
        self.is_udp_blocked = is_blocked;
    }

    const fn link_mut(&mut self, direction: Direction) -> &mut Link<Packet> {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

/// Which packet came through and when, after its cargo was handed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receipt {
    number: u64,
    at: Time,
    is_copy: bool,
}

impl Arrival {
    pub(super) const fn receipt(&self) -> Receipt {
        Receipt { number: self.number, at: self.at, is_copy: self.is_copy }
    }
}
