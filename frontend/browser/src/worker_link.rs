//! Page side of one lane's worker.
//!
//! The page sends [`Command`]s and requests [`Report`]s as postcard. At most one report is pending at a time.
//! Dropping a [`WorkerLink`] closes the worker's connection and then terminates the worker.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::clock;
use sluice_bridge::Command;
use sluice_bridge::Report;

/// Script that starts a worker, next to the page.
const SCRIPT: &str = "./lane_loader.js";
/// Time that a worker has to close its connection before it is terminated, ms.
const CLOSE_GRACE_MILLIS: i32 = 400;

#[wasm_bindgen]
extern "C" {
    /// URL of the script that loaded this module.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = url)]
    static MODULE_URL: JsValue;
}

thread_local! {
    /// Module that workers run, if it is not the current one.
    static LANE_MODULE: RefCell<Option<Array>> = const { RefCell::new(None) };
}

/// Returns the module that workers run, as its script's URL and its compiled code.
pub fn lane_module() -> Array {
    let other = LANE_MODULE.with_borrow(Option::clone);
    other.unwrap_or_else(|| MODULE_URL.with(|url| Array::of2(url, &wasm_bindgen::module())))
}

/// Makes workers run the page's module, which [`lane_module`] returned there, instead of the current one.
pub fn set_lane_module(module: Array) {
    LANE_MODULE.set(Some(module));
}

/// Event from a worker.
#[derive(Debug)]
pub enum Arrival {
    /// A requested report.
    Report(Box<Report>),
    /// A report requested before the last reset: its measurements are out of date.
    BeforeReset(Box<Report>),
    /// The worker is no longer usable, with the reason.
    Broken(String),
}

/// A running worker. Commands sent before it is ready are queued; reports are requested one at a time.
#[derive(Debug)]
pub struct WorkerLink {
    worker: Option<Worker>,
    state: Rc<State>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

#[derive(Debug, Default)]
struct State {
    ready: Cell<bool>,
    awaits_report: Cell<bool>,
    awaited_is_before_reset: Cell<bool>,
    queued: RefCell<Vec<Command>>,
}

impl WorkerLink {
    /// Starts a worker; `arrived` is called for each of its events.
    pub fn spawn(name: &str, arrived: impl Fn(Arrival) + 'static) -> Self {
        let state = Rc::new(State::default());
        let arrived = Rc::new(arrived);
        let options = WorkerOptions::new();
        options.set_name(name);
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(SCRIPT, &options).ok().filter(hand_over_module);
        let on_message = {
            let (state, arrived, worker) = (Rc::clone(&state), Rc::clone(&arrived), worker.clone());
            Closure::new(move |event: MessageEvent| {
                let bytes =
                    event.data().dyn_into::<Uint8Array>().map(|array| array.to_vec()).unwrap_or_default();
                if bytes.is_empty() {
                    state.ready.set(true);
                    let queued = state.queued.take();
                    if let Some(worker) = &worker {
                        queued.iter().for_each(|command| post(worker, command));
                    }
                    return;
                }
                state.awaits_report.set(false);
                let before_reset = state.awaited_is_before_reset.take();
                arrived(match postcard::from_bytes(&bytes) {
                    Ok(report) if before_reset => Arrival::BeforeReset(Box::new(report)),
                    Ok(report) => Arrival::Report(Box::new(report)),
                    Err(error) => Arrival::Broken(format!("The lane's report can't be read: {error}.")),
                });
            })
        };
        let on_error = Closure::new(move |event: ErrorEvent| {
            arrived(Arrival::Broken(format!("The lane's worker stopped: {}.", event.message())));
        });
        if let Some(worker) = &worker {
            worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
            worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        }
        Self { worker, state, _on_message: on_message, _on_error: on_error }
    }

    /// Returns whether the worker exists.
    pub fn has_worker(&self) -> bool {
        self.worker.is_some()
    }

    /// Sends a command, or queues it until the worker is ready.
    pub fn send(&self, command: Command) {
        match &self.worker {
            Some(worker) if self.state.ready.get() => post(worker, &command),
            Some(_) | None => self.state.queued.borrow_mut().push(command),
        }
    }

    /// Makes the worker discard its measurements. A pending report was made before the reset.
    pub fn reset(&self) {
        self.send(Command::Reset);
        self.state.awaited_is_before_reset.set(self.state.awaits_report.get());
    }

    /// Requests a report, unless one is pending.
    pub fn ask_for_report(&self) {
        if self.state.ready.get() && !self.state.awaits_report.replace(true) {
            self.send(Command::Report);
        }
    }

    /// Detaches the worker from the page and terminates it.
    fn stop(&mut self) {
        let Some(worker) = self.worker.take() else { return };
        worker.set_onmessage(None);
        worker.set_onerror(None);
        if !self.state.ready.get() {
            return worker.terminate();
        }
        post(&worker, &Command::Close);
        wasm_bindgen_futures::spawn_local(async move {
            clock::sleep_millis(CLOSE_GRACE_MILLIS).await;
            worker.terminate();
        });
    }
}

impl Drop for WorkerLink {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Sends the worker the compiled module. Returns whether that succeeded.
fn hand_over_module(worker: &Worker) -> bool {
    worker.post_message(&lane_module()).is_ok()
}

fn post(worker: &Worker, command: &Command) {
    let posted = postcard::to_stdvec(command).map_err(|error| error.to_string()).and_then(|bytes| {
        worker.post_message(&Uint8Array::from(bytes.as_slice())).map_err(|error| format!("{error:?}"))
    });
    if let Err(error) = posted {
        web_sys::console::error_1(&JsValue::from_str(&format!("a command was not posted: {error}")));
    }
}
