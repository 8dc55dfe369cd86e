//! Simulated browser as a lane's platform.
//! All calls go to the simulated network; `World` runs its events in virtual time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::time::Time;
use sluice_shared::wire::{CloseCode, EchoBlock};

use super::network::Network;
use crate::connection::ConnectionId;
use crate::platform::{Clock, Platform, TransportHandle};
use crate::transport::TransportUnavailable;
use sluice_bridge::{Endpoints, FloodLevel};

/// Handle of the simulated network for one lane.
pub(super) struct SimulatedPlatform {
    pub(super) network: Rc<RefCell<Network>>,
    /// True if the simulated browser has no WebTransport.
    pub(super) lacks_webtransport: Rc<Cell<bool>>,
}

/// Handle of one simulated connection.
pub(super) struct SimulatedTransport {
    id: ConnectionId,
    network: Rc<RefCell<Network>>,
}

impl Clock for SimulatedPlatform {
    fn now(&self) -> Time {
        self.network.borrow().now
    }
}

impl Platform for SimulatedPlatform {
    type Transport = SimulatedTransport;

    fn probe(&mut self, id: ConnectionId) {
        self.network.borrow_mut().probe(id);
    }

    fn open(
        &mut self,
        id: ConnectionId,
        mode: Mode,
        _endpoints: &Endpoints,
    ) -> Result<SimulatedTransport, TransportUnavailable> {
        if self.lacks_webtransport.get() && mode.transport() == Transport::WebTransport {
            return Err(TransportUnavailable("this browser has no WebTransport".into()));
        }
        self.network.borrow_mut().open(id, mode);
        Ok(SimulatedTransport { id, network: Rc::clone(&self.network) })
    }

    fn arm_timer(&mut self, at: Option<Time>, now: Time) {
        let mut network = self.network.borrow_mut();
        let Some(at) = at else { return };
        // As in browsers, timers have whole milliseconds, and an earlier deadline stays set.
        let at = now + core::time::Duration::from_millis(at.since(now).as_micros().div_ceil(1_000) as u64);
        network.timer = Some(network.timer.map_or(at, |earlier| earlier.min(at)));
    }

    fn request_macrotask(&mut self) {
        self.network.borrow_mut().wants_macrotask = true;
    }

    fn set_reads_paused(&self, _are_paused: bool) {}
}

impl TransportHandle for SimulatedTransport {
    fn is_writable(&self) -> bool {
        true
    }

    fn send(&self, items: &[u8]) {
        self.network.borrow_mut().send(self.id, Bytes::copy_from_slice(items));
    }

    fn close(self, _code: CloseCode, _reason: &str) {
        self.network.borrow_mut().close(self.id);
    }

    fn can_flood(&self) -> bool {
        false
    }

    fn has_flood_room(&self) -> bool {
        false
    }

    fn flood(&self, _block: EchoBlock) {}

    fn end_flood(&self) {}

    fn flood_level(&self) -> FloodLevel {
        FloodLevel::default()
    }
}

impl Drop for SimulatedTransport {
    fn drop(&mut self) {
        self.network.borrow_mut().close(self.id);
    }
}
