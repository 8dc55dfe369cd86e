//! Somebody at the servers' end of the network who copies a flow's packets, and sends them from elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;

use sluice_shared::lab::{OriginalFate, PathState, Spoof};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;
use tokio::task::AbortHandle;

use super::flow::UdpFlow;
use super::port::{Datagram, Destination, Port};
use super::spoof_watch::{SpoofWatch, Traces};
use crate::attribution::Passage;
use crate::network::{SeenSpoof, is_short};
use crate::quic::Glimpse;

/// The last attack on a flow.
pub(super) struct Attack {
    /// How many there were on this flow before.
    number: u32,
    /// Where copies are sent from.
    port: Arc<Port>,
    /// Copies that are still to be sent.
    to_copy: u8,
    original: OriginalFate,
    watch: SpoofWatch,
    /// When the last copy was sent, or the attack began.
    touched_at: Time,
    /// Reads what the server sends to the attacker's address.
    reader: Option<AbortHandle>,
}

/// What a packet that is under way has to do with an attack.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SpoofSight(Option<(u32, Traces)>);

impl Attack {
    /// Whether packets are to be copied.
    pub(super) const fn is_armed(&self) -> bool {
        self.to_copy > 0
    }

    /// Sends a copy of the packet ahead, if it is to be copied; whether the packet itself goes on.
    pub(super) fn intercept(
        &mut self,
        datagram: &Datagram,
        to: Destination,
        scratch: &mut Vec<u8>,
        now: Time,
    ) -> bool {
        if !self.is_armed() || !is_short(&datagram.payload) {
            return true;
        }
        if self.port.send([datagram], to, scratch).datagrams > 0 {
            return true;
        }
        self.to_copy -= 1;
        self.touched_at = now;
        self.watch.on_copied(datagram.payload.len() as u64, now);
        match self.original {
            OriginalFate::Follows => true,
            OriginalFate::Dropped => false,
        }
    }

    /// A packet between the client and the server enters the network.
    pub(super) fn on_sent(
        &mut self,
        direction: Direction,
        glimpse: &Glimpse,
        now: Time,
        ask: impl FnOnce() -> Option<PathState>,
    ) -> SpoofSight {
        SpoofSight(Some((self.number, self.watch.on_sent(direction, glimpse, now, ask))))
    }

    /// A packet has passed the network.
    pub(super) fn on_delivered(&self, SpoofSight(sight): SpoofSight, passage: Passage) {
        if let Some((_, traces)) = sight.filter(|(number, _)| *number == self.number) {
            self.watch.on_delivered(traces, passage);
        }
    }

    /// Leaves the attacker's address.
    pub(super) fn end(self, now: Time) {
        self.watch.end(now);
        if let Some(reader) = self.reader {
            reader.abort();
        }
    }
}

impl UdpFlow {
    /// Copies the next packets and sends them by `port`, whose address is `address`; an attack that is under way ends.
    /// Tells which attack it is, and where is written down what comes of it.
    pub(super) fn begin_attack(
        &self,
        port: Arc<Port>,
        address: SocketAddr,
        spoof: Spoof,
    ) -> (u32, SeenSpoof) {
        self.drive(|state, now| {
            state.end_attack(now);
            // What comes from now on is the attack's, and not that of a change of networks.
            state.recount();
            state.watch.settle();
            let number = state.attacks;
            state.attacks = number.wrapping_add(1);
            let watch = SpoofWatch::new(self.id(), (state.relay_side, address), state.path_state());
            let seen = Arc::clone(watch.seen());
            state.attack = Some(Attack {
                number,
                port,
                to_copy: spoof.packets,
                original: spoof.original,
                watch,
                touched_at: now,
                reader: None,
            });
            (number, seen)
        })
    }

    /// The task that reads what is sent to the attacker's address in attack `number`, to be ended with it.
    pub(super) fn set_attack_reader(&self, number: u32, reader: AbortHandle) {
        self.drive(|state, _| match state.attack.as_mut().filter(|attack| attack.number == number) {
            Some(attack) => attack.reader = Some(reader),
            None => reader.abort(),
        });
    }

    /// Takes what a server at `from` has sent to the attacker's address of attack `number`: it is counted, and goes
    /// nowhere.
    pub(super) fn hand_in_reflected(&self, number: u32, from: SocketAddr, datagrams: &[Datagram]) {
        if !self.sockets.upstreams.is_any(from) {
            return;
        }
        self.drive(|state, now| {
            for datagram in datagrams {
                let (_load, glimpse) = state.glimpse(Direction::Down, datagram, now);
                if let Some(attack) = state.attack.as_mut().filter(|attack| attack.number == number) {
                    attack.watch.on_reflected(datagram.payload.len() as u64, &glimpse, now);
                }
            }
        });
    }

    /// Ends an attack that has sent nothing since `before`.
    pub(super) fn end_old_attack(&self, before: Time) {
        self.drive(|state, now| {
            if state.attack.as_ref().is_some_and(|attack| attack.touched_at < before) {
                state.end_attack(now);
            }
        });
    }
}
