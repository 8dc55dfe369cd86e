//! Somebody at the servers' end of the network who copies the client's packets; see [`crate::compare::spoofed`].

use std::net::SocketAddr;

use sluice_shared::lab::OriginalFate;
use sluice_shared::time::Time;

use super::peer::Datagram;
use crate::compare::spoofed::SpoofFigures;
use crate::compare::virtual_time::attacks::Attack;

/// The attacker of one connection.
#[derive(Debug, Default)]
pub(super) struct Attacker {
    attack: Option<Attack>,
    /// Copies that are still to be sent.
    to_copy: u8,
    /// Since when the server has been sending to the attacker's address.
    away_since: Option<Time>,
    figures: SpoofFigures,
}

impl Attacker {
    /// Copies the next packets from here on.
    pub(super) const fn begin(&mut self, attack: Attack) {
        self.figures.attacks += 1;
        self.to_copy = attack.spoof.packets;
        self.attack = Some(attack);
    }

    /// The copy of a packet that has arrived, if it is to be copied.
    pub(super) fn copy(&mut self, packet: &Datagram) -> Option<Datagram> {
        let attack = self.attack.filter(|_| self.to_copy > 0 && packet.has_short_header())?;
        self.to_copy -= 1;
        self.figures.copied.add(packet.bytes.len() as u64);
        Some(Datagram { client: attack.from, ..packet.clone() })
    }

    /// Whether the original of a copy goes on.
    pub(super) fn lets_pass(&self) -> bool {
        self.attack.is_none_or(|attack| attack.spoof.original == OriginalFate::Follows)
    }

    /// Whether a packet of the server's goes to the attacker, where it is counted and ends.
    pub(super) fn takes(&mut self, packet: &Datagram) -> bool {
        let is_reflected = self.is_at(packet.client);
        if is_reflected {
            self.figures.reflected.add(packet.bytes.len() as u64);
        }
        is_reflected
    }

    /// The server sends to `address` at `now`.
    pub(super) fn look(&mut self, address: SocketAddr, now: Time) {
        match (self.away_since, self.is_at(address)) {
            (None, true) => {
                self.away_since = Some(now);
                self.figures.turned += 1;
            }
            (Some(since), false) => {
                self.away_since = None;
                self.figures.returned += 1;
                self.figures.longest_away = self.figures.longest_away.max(now.since(since));
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// What came of it so far.
    pub(super) const fn figures(&self) -> SpoofFigures {
        self.figures
    }

    fn is_at(&self, address: SocketAddr) -> bool {
        self.attack.is_some_and(|attack| attack.from == address)
    }
}
