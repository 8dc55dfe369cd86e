//! Timer and macrotasks of the worker.

use sluice_shared::time::{Time, micros};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::MessageChannel;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Closure<dyn FnMut()>, millis: f64) -> f64;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: f64);
}

/// Timer that fires at the set time or up to a few milliseconds later, possibly without need.
#[derive(Debug)]
pub(super) struct Timer {
    callback: Closure<dyn FnMut()>,
    armed: Option<Armed>,
}

#[derive(Debug)]
struct Armed {
    id: f64,
    at: Time,
}

impl Timer {
    pub(super) fn new(callback: impl FnMut() + 'static) -> Self {
        Self { callback: Closure::new(callback), armed: None }
    }

    /// Arms the timer for `at` at the latest. An earlier deadline stays, so that deadlines postponed by every
    /// message cost nothing.
    pub(super) fn arm(&mut self, at: Option<Time>, now: Time) {
        let Some(at) = at else { return };
        if self.armed.as_ref().is_some_and(|armed| armed.at <= at) {
            return;
        }
        self.disarm();
        let millis = micros(at.since(now)) as f64 / 1e3;
        self.armed = Some(Armed { id: set_timeout(&self.callback, millis.ceil()), at });
    }

    /// Handles the firing of the timer.
    pub(super) fn handle_fired(&mut self) {
        self.armed = None;
    }

    fn disarm(&mut self) {
        if let Some(armed) = self.armed.take() {
            clear_timeout(armed.id);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.disarm();
    }
}

/// Scheduler of macrotasks: calls back after the events already queued, without the 4 ms minimum of timers.
#[derive(Debug)]
pub(super) struct MacrotaskScheduler {
    channel: MessageChannel,
    is_asked: bool,
    _callback: Closure<dyn FnMut()>,
}

impl MacrotaskScheduler {
    /// Creates a scheduler that calls back through `channel`, which must not be used for anything else.
    pub(super) fn new(channel: MessageChannel, callback: impl FnMut() + 'static) -> Self {
        let callback = Closure::<dyn FnMut()>::new(callback);
        channel.port1().set_onmessage(Some(callback.as_ref().unchecked_ref()));
        Self { channel, is_asked: false, _callback: callback }
    }

    /// Requests one call; repeated requests before it have no effect.
    pub(super) fn ask(&mut self) {
        if !self.is_asked {
            self.is_asked = self.channel.port2().post_message(&JsValue::NULL).is_ok();
        }
    }

    /// Handles the call.
    pub(super) fn handle_called(&mut self) {
        self.is_asked = false;
    }
}

impl Drop for MacrotaskScheduler {
    fn drop(&mut self) {
        self.channel.port1().set_onmessage(None);
    }
}
