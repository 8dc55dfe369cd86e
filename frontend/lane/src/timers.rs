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

/// One timer. It fires at the set time or up to a few milliseconds later, and may fire without need.
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

    /// Sees to it that the timer fires at `at` at the latest. One that is armed for an earlier time stays, so that
    /// deadlines that move away with every message cost nothing.
    pub(super) fn arm(&mut self, at: Option<Time>, now: Time) {
        let Some(at) = at else { return };
        if self.armed.as_ref().is_some_and(|armed| armed.at <= at) {
            return;
        }
        self.disarm();
        let millis = micros(at.since(now)) as f64 / 1e3;
        self.armed = Some(Armed { id: set_timeout(&self.callback, millis.ceil()), at });
    }

    /// The timer has fired.
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

/// A way to be called again after what the event loop already holds, without the 4 ms that timers take at least.
#[derive(Debug)]
pub(super) struct MacrotaskScheduler {
    channel: MessageChannel,
    is_asked: bool,
    _callback: Closure<dyn FnMut()>,
}

impl MacrotaskScheduler {
    /// Calls come through `channel`, which is used for nothing else.
    pub(super) fn new(channel: MessageChannel, callback: impl FnMut() + 'static) -> Self {
        let callback = Closure::<dyn FnMut()>::new(callback);
        channel.port1().set_onmessage(Some(callback.as_ref().unchecked_ref()));
        Self { channel, is_asked: false, _callback: callback }
    }

    /// Asks for one call; asking again before it comes changes nothing.
    pub(super) fn ask(&mut self) {
        if !self.is_asked {
            self.is_asked = self.channel.port2().post_message(&JsValue::NULL).is_ok();
        }
    }

    /// The call has come.
    pub(super) fn handle_called(&mut self) {
        self.is_asked = false;
    }
}

impl Drop for MacrotaskScheduler {
    fn drop(&mut self) {
        self.channel.port1().set_onmessage(None);
    }
}
