//! Everything of a network behind one lock.

use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;
use sluice_shared::link::{Direction, NetworkProfile};
use sluice_shared::time::Time;

use super::address::direction_from;
use super::wires::{Cargo, Wires};
use crate::stage::{Actor, StageHandle};
use crate::tcp::Tcp;
use crate::udp::{Datagram, Udp};

/// A network, driven by whoever has something for it and by its stage.
pub(crate) struct NetCore {
    stage: StageHandle,
    state: Mutex<State>,
}

struct State {
    wires: Wires,
    tcp: Tcp,
    udp: Udp,
}

/// One visit to a network: where packets go, who is to be told afterwards, and when it is.
pub(crate) struct Turn<'a> {
    pub(crate) wires: &'a mut Wires,
    /// Woken once the network's lock is free.
    pub(crate) woken: &'a mut Vec<Waker>,
    pub(crate) now: Time,
}

impl NetCore {
    pub(super) fn new(stage: &StageHandle, profile: &NetworkProfile, seed: u64) -> Arc<Self> {
        let wires = Wires::new(profile, seed, stage.now());
        let state = Mutex::new(State { wires, tcp: Tcp::default(), udp: Udp::default() });
        let core = Arc::new(Self { stage: stage.clone(), state });
        let actor: Arc<dyn Actor> = Arc::<Self>::clone(&core);
        stage.add_actor(Arc::downgrade(&actor));
        core
    }

    pub(crate) fn with_tcp<R>(&self, act: impl FnOnce(&mut Tcp, &mut Turn<'_>) -> R) -> R {
        self.with(|tcp, _, turn| act(tcp, turn))
    }

    pub(crate) fn with_udp<R>(&self, act: impl FnOnce(&mut Udp, &mut Turn<'_>) -> R) -> R {
        self.with(|_, udp, turn| act(udp, turn))
    }

    pub(super) fn with_wires<R>(&self, act: impl FnOnce(&mut Wires, Time) -> R) -> R {
        self.with(|_, _, turn| act(turn.wires, turn.now))
    }

    fn with<R>(&self, act: impl FnOnce(&mut Tcp, &mut Udp, &mut Turn<'_>) -> R) -> R {
        let mut woken = Vec::new();
        let mut state = self.state.lock();
        let State { wires, tcp, udp } = &mut *state;
        // Read under the lock: the models' time never goes back.
        let now = self.stage.now();
        let result = act(tcp, udp, &mut Turn { wires, woken: &mut woken, now });
        drop(state);
        for waker in woken {
            waker.wake();
        }
        self.stage.nudge();
        result
    }
}

impl Actor for NetCore {
    fn due(&self) -> Option<Time> {
        let state = self.state.lock();
        state.wires.next_due().into_iter().chain(state.tcp.next_due()).min()
    }

    fn advance(&self) {
        self.with(|tcp, udp, turn| {
            for direction in Direction::BOTH {
                while let Some(arrival) = turn.wires.take_arrival(direction, turn.now) {
                    let receipt = arrival.receipt();
                    let (from, to) = (arrival.from, arrival.to);
                    let is_claimed = match arrival.cargo {
                        Cargo::Tcp { segment, epoch } => tcp.handle_segment(from, to, &segment, epoch, turn),
                        Cargo::Udp { payload, ecn } => {
                            let datagram = Datagram { from, to, payload, ecn };
                            direction_from(to) != direction && udp.handle_datagram(datagram, turn)
                        }
                    };
                    turn.wires.note_arrival(receipt, is_claimed);
                }
            }
            tcp.handle_due(turn);
        });
    }
}
