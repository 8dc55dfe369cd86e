//! How a lane's connection begins and ends.

use std::rc::Rc;

use sluice_shared::time::Time;
use sluice_shared::wire::{CloseCode, Goodbye};

use super::active::Active;
use super::driver::Lane;
use super::link::End;
use super::transport::{Carrier, Event, Obstacle, Sink, probe};
use super::words::sentence;
use crate::bridge::{Connection, Endpoints, Level, Setup};

impl Lane {
    pub(super) fn open(&mut self, setup: Setup, now: Time) {
        self.close();
        self.tally.clear();
        self.noted_reason = None;
        self.link.handle_opened();
        self.active = Some(Active::new(setup, now));
        self.connect(now);
    }

    pub(super) fn close(&mut self) {
        self.drop_carrier(CloseCode::Normal, "The page has closed the lane.");
        self.active = None;
        self.link.handle_closed();
    }

    pub(super) fn connect(&mut self, now: Time) {
        let Some(active) = &self.active else { return };
        let probes = self.link.wants_probe(active.setup.mode);
        self.link.handle_try(active.setup.mode, now);
        self.generation += 1;
        if probes {
            probe(self.sink());
        } else {
            self.open_carrier(now);
        }
    }

    pub(super) fn open_carrier(&mut self, now: Time) {
        let Some(active) = &self.active else { return };
        match Carrier::open(active.setup.mode, &active.setup.endpoints, self.sink()) {
            Ok(carrier) => self.carrier = Some(carrier),
            Err(Obstacle(reason)) => self.give_up(CloseCode::Normal, &reason, now),
        }
    }

    /// Where events of this connection go.
    pub(super) fn sink(&self) -> Sink {
        let (me, generation) = (self.me.clone(), self.generation);
        Rc::new(move |event: Event<'_>| match me.upgrade() {
            Some(lane) => lane.borrow_mut().handle_carrier(generation, event),
            None => false,
        })
    }

    /// Other endpoints: a connection that is open stays if it only met other certificates there, and else moves; a try
    /// that goes to the earlier ones begins anew.
    pub(super) fn set_endpoints(&mut self, endpoints: Endpoints, now: Time) {
        let Some(active) = &mut self.active else { return };
        let (mode, before) = (active.setup.mode, core::mem::replace(&mut active.setup.endpoints, endpoints));
        let is_elsewhere = before.url(mode) != active.setup.endpoints.url(mode);
        if before == active.setup.endpoints {
            return;
        }
        if is_elsewhere {
            // What was learnt of the way to the earlier place tells nothing about this one.
            self.link.handle_moved();
        }
        match self.link.connection() {
            Connection::Connecting { .. } | Connection::Waiting { .. } => {
                self.drop_carrier(CloseCode::Normal, "");
                self.connect(now);
            }
            Connection::Open { .. } if is_elsewhere => {
                self.drop_carrier(CloseCode::Normal, "The lane takes another way.");
                self.connect(now);
            }
            Connection::Idle | Connection::Open { .. } | Connection::Failed { .. } => {}
        }
    }

    pub(super) fn handle_closed(&mut self, code: Option<u32>, reason: String, now: Time) {
        let farewell = self.active.as_mut().and_then(|active| active.farewell.take());
        let code = code.and_then(CloseCode::from_number);
        let end = match (farewell, code) {
            (Some(Goodbye { reason, .. }), _) => End::Told(reason),
            (None, Some(CloseCode::Unsupported | CloseCode::TakenOver)) => {
                return self.give_up(CloseCode::Normal, &reason, now);
            }
            (None, code) => End::of_close(code, reason, self.link.is_open()),
        };
        self.end(&end, CloseCode::Normal, now);
    }

    /// Ends the connection; another try follows.
    pub(super) fn end(&mut self, end: &End, code: CloseCode, now: Time) {
        self.drop_carrier(code, "");
        let Some(active) = &self.active else { return };
        self.link.handle_end(end, active.setup.mode, &active.setup.endpoints, now);
        if let Connection::Waiting { reason, .. } = self.link.connection()
            && self.noted_reason.as_ref() != Some(reason)
        {
            self.noted_reason = Some(reason.clone());
            self.tally.notes.push(Level::Warning, reason.clone(), now);
        }
    }

    /// Ends the connection for good.
    pub(super) fn give_up(&mut self, code: CloseCode, reason: &str, now: Time) {
        self.drop_carrier(code, reason);
        let reason = sentence(reason);
        self.tally.notes.push(Level::Error, reason.clone(), now);
        self.link.handle_hopeless(reason);
    }

    pub(super) fn drop_carrier(&mut self, code: CloseCode, reason: &str) {
        self.generation += 1;
        self.is_carrier_open = false;
        if let Some(carrier) = self.carrier.take() {
            carrier.close(code, reason);
        }
        if let Some(active) = &mut self.active {
            active.handle_disconnected();
        }
    }
}
