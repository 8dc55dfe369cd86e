//! Worker's end of the bridge to the page.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Crypto, DedicatedWorkerGlobalScope, MessageChannel, MessageEvent};

use super::browser::{BrowserLane, new_lane};
use sluice_bridge::Command;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = crypto)]
    static CRYPTO: Crypto;
}

thread_local! {
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// State of the worker.
struct Worker {
    _lane: Rc<RefCell<BrowserLane>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

/// Starts the lane of this worker, and signals to the page by an empty message that it is ready.
///
/// # Panics
/// Panics if the worker lacks what every browser's workers have.
pub fn start() {
    console_error_panic_hook::set_once();
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let channel = MessageChannel::new().expect("every browser has MessageChannel");
    let lane = new_lane(random(), channel);
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new({
        let (lane, scope) = (lane.clone(), scope.clone());
        move |event: MessageEvent| {
            let bytes = Uint8Array::new(&event.data()).to_vec();
            // Page and worker come from one build, so decoding always succeeds.
            let command: Command =
                postcard::from_bytes(&bytes).expect("the page speaks the bridge's language");
            let report = lane.borrow_mut().handle_command(command);
            if let Some(report) = report {
                let bytes = postcard::to_allocvec(&report).expect("a report has a postcard form");
                post(&scope, &bytes);
            }
        }
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    WORKER.set(Some(Worker { _lane: lane, _on_message: on_message }));
    post(&scope, &[]);
}

/// Posts bytes to the page, transferring their memory instead of copying it.
fn post(scope: &DedicatedWorkerGlobalScope, bytes: &[u8]) {
    let array = Uint8Array::new_from_slice(bytes);
    let moved = Array::of1(&array.buffer());
    let posted: Result<(), JsValue> = scope.post_message_with_transfer(&array, &moved);
    posted.expect("a fresh buffer can be moved");
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    CRYPTO
        .with(|crypto| crypto.get_random_values_with_u8_array(&mut bytes))
        .expect("every browser has randomness");
    u64::from_le_bytes(bytes)
}
