//! What a UDP flow's lock guards.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use sluice_shared::lab::{PathFrameCounts, PathState};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;
use tokio::task::AbortHandle;

use super::attack::{Attack, SpoofSight};
use super::former::FormerWays;
use super::path::{OldReaders, PathWatch, Sight};
use super::port::{Datagram, Port};
use super::way::Way;
use crate::agenda::Timer;
use crate::network::{KnownPath, PathStateProbe};
use crate::quic::{Glimpse, Load, QuicLateness};

/// The state of a [`super::flow::UdpFlow`].
pub(super) struct FlowState {
    pub(super) up: Way,
    pub(super) down: Way,
    pub(super) timer: Timer,
    pub(super) last_came_at: Time,
    /// What the links were brought to.
    pub(super) driven_at: Time,
    /// Where the time of the server's writes goes, if its packets can be opened.
    pub(super) lateness: Option<Box<QuicLateness>>,
    /// Where the server's answers come to.
    pub(super) back: Arc<Port>,
    /// By which the server knows the client.
    pub(super) relay_side: SocketAddr,
    pub(super) watch: PathWatch,
    /// Asks what the server knows of the path.
    pub(super) probe: Option<Weak<PathStateProbe>>,
    /// The backend that the client's last packet named.
    pub(super) home: Option<u8>,
    /// Where packets come from that the client had sent before it changed networks.
    pub(super) former: FormerWays,
    /// Such as have arrived, and the numbers of their paths.
    pub(super) late: Vec<(u32, Datagram)>,
    /// Where batches are put together.
    pub(super) scratch: Vec<u8>,
    /// Reads the server's answers.
    pub(super) reader: Option<AbortHandle>,
    pub(super) old_readers: OldReaders,
    /// Who copies the client's packets, or did last.
    pub(super) attack: Option<Attack>,
    pub(super) attacks: u32,
    pub(super) has_ended: bool,
}

impl FlowState {
    /// Looks into a datagram that was sent.
    pub(super) fn look(
        &mut self,
        direction: Direction,
        datagram: &Datagram,
        now: Time,
    ) -> (Load, Sight, SpoofSight) {
        let (load, glimpse) = self.glimpse(direction, datagram, now);
        let Self { watch, probe, attack, relay_side, .. } = self;
        let ask = || ask(probe.as_ref(), *relay_side);
        let sight = watch.on_sent(direction, &glimpse, now, ask);
        let spoof_sight = attack.as_mut().map(|attack| attack.on_sent(direction, &glimpse, now, ask));
        (load, sight, spoof_sight.unwrap_or_default())
    }

    /// The server has sent a datagram to where nobody is any more.
    pub(super) fn lose(&mut self, datagram: &Datagram, now: Time) {
        let (_load, glimpse) = self.glimpse(Direction::Down, datagram, now);
        self.watch.on_stray(&glimpse, now);
    }

    pub(super) fn glimpse(
        &mut self,
        direction: Direction,
        datagram: &Datagram,
        now: Time,
    ) -> (Load, Glimpse) {
        match &mut self.lateness {
            Some(lateness) => lateness.on_sent(direction, &datagram.payload, now),
            None => (Load::default(), Glimpse::of_sealed()),
        }
    }

    pub(super) fn path_state(&self) -> Option<PathState> {
        ask(self.probe.as_ref(), self.relay_side)
    }

    /// How many frames that validate paths the server has counted, whichever path it knows.
    pub(super) fn counted(&self) -> Option<PathFrameCounts> {
        known(self.probe.as_ref()).map(|known| known.frames)
    }

    /// Has the last change told what the server has counted since.
    pub(super) fn recount(&mut self) {
        if self.watch.counts()
            && let Some(counted) = self.counted()
        {
            self.watch.recount(counted);
        }
    }

    /// The attacker leaves, if one is there.
    pub(super) fn end_attack(&mut self, now: Time) {
        if let Some(attack) = self.attack.take() {
            attack.end(now);
        }
    }

    /// Carries nothing any more.
    pub(super) fn end(&mut self, now: Time) {
        self.has_ended = true;
        self.end_attack(now);
        self.old_readers.release_all();
        self.former.release_all();
        if let Some(reader) = self.reader.take() {
            reader.abort();
        }
    }

    pub(super) const fn way(&mut self, direction: Direction) -> &mut Way {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

/// What the server knows of the path to `relay_side`, and not of one that the client has left.
fn ask(probe: Option<&Weak<PathStateProbe>>, relay_side: SocketAddr) -> Option<PathState> {
    let known = known(probe)?;
    let key = |address: SocketAddr| (address.ip().to_canonical(), address.port());
    (key(known.client) == key(relay_side)).then_some(known.state)
}

fn known(probe: Option<&Weak<PathStateProbe>>) -> Option<KnownPath> {
    probe?.upgrade()?()
}
