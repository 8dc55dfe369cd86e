//! Browser platform of a lane: clock, timer, macrotasks, probes and transports of its worker.
//! Callbacks hold the lane weakly, so dropping it closes everything.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use sluice_shared::mode::Mode;
use sluice_shared::time::Time;
use sluice_shared::wire::{CloseCode, EchoBlock};
use web_sys::MessageChannel;

use super::clock;
use super::connection::ConnectionId;
use super::driver::Lane;
use super::platform::{Clock, Platform, TransportHandle};
use super::timers::{MacrotaskScheduler, Timer};
use super::transport::{BrowserTransport, Event, EventSink, ReadGate, TransportUnavailable, probe};
use sluice_bridge::{Endpoints, FloodLevel};

/// Lane that runs in a worker.
pub(super) type BrowserLane = Lane<BrowserPlatform>;

/// Clock, timer, macrotasks and transports of a worker.
pub(super) struct BrowserPlatform {
    /// Lane that callbacks call; weak, so that they do not keep it alive.
    lane: Weak<RefCell<BrowserLane>>,
    timer: Timer,
    macrotasks: MacrotaskScheduler,
    gate: Rc<ReadGate>,
}

/// Creates an idle lane. `seed` determines its backoff; `channel` must not be used for anything else.
pub(super) fn new_lane(seed: u64, channel: MessageChannel) -> Rc<RefCell<BrowserLane>> {
    Rc::new_cyclic(|lane: &Weak<RefCell<BrowserLane>>| {
        let call = |handler: fn(&mut BrowserLane)| {
            let lane = lane.clone();
            move || {
                if let Some(lane) = lane.upgrade() {
                    handler(&mut lane.borrow_mut());
                }
            }
        };
        let platform = BrowserPlatform {
            lane: lane.clone(),
            timer: Timer::new(call(|lane| {
                lane.platform.timer.handle_fired();
                lane.handle_timer();
            })),
            macrotasks: MacrotaskScheduler::new(
                channel,
                call(|lane| {
                    lane.platform.macrotasks.handle_called();
                    lane.handle_macrotask();
                }),
            ),
            gate: Rc::default(),
        };
        RefCell::new(Lane::new(seed, platform))
    })
}

impl BrowserPlatform {
    /// Returns the event sink of a connection.
    fn sink(&self, id: ConnectionId) -> EventSink {
        let lane = self.lane.clone();
        Rc::new(move |event: Event<'_>| match lane.upgrade() {
            Some(lane) => lane.borrow_mut().handle_transport_event(id, event),
            None => false,
        })
    }
}

impl Clock for BrowserPlatform {
    fn now(&self) -> Time {
        clock::now()
    }
}

impl Platform for BrowserPlatform {
    type Transport = BrowserTransport;

    fn probe(&mut self, id: ConnectionId) {
        probe(self.sink(id));
    }

    fn open(
        &mut self,
        id: ConnectionId,
        mode: Mode,
        endpoints: &Endpoints,
    ) -> Result<BrowserTransport, TransportUnavailable> {
        BrowserTransport::open(mode, endpoints, self.sink(id), &self.gate)
    }

    fn arm_timer(&mut self, at: Option<Time>, now: Time) {
        self.timer.arm(at, now);
    }

    fn request_macrotask(&mut self) {
        self.macrotasks.ask();
    }

    fn set_reads_paused(&self, are_paused: bool) {
        self.gate.set_closed(are_paused);
    }
}

impl TransportHandle for BrowserTransport {
    fn is_writable(&self) -> bool {
        self.is_writable()
    }

    fn send(&self, items: &[u8]) {
        self.send(items);
    }

    fn close(self, code: CloseCode, reason: &str) {
        self.close(code, reason);
    }

    fn can_flood(&self) -> bool {
        self.can_flood()
    }

    fn has_flood_room(&self) -> bool {
        self.has_flood_room()
    }

    fn flood(&self, block: EchoBlock) {
        self.flood(block);
    }

    fn end_flood(&self) {
        self.end_flood();
    }

    fn flood_level(&self) -> FloodLevel {
        self.flood_level()
    }
}
