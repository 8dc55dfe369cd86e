//! Asking whether the server is there at all.
//!
//! Chromium counts every WebTransport handshake that fails against the page and holds the next ones back: by 10 ms
//! times two to the number of failures of the last minutes, up to a minute. So a lane does not knock on the UDP port
//! of a server that does not even answer HTTP.

use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::carrier::{Event, Sink};

#[wasm_bindgen]
extern "C" {
    fn fetch(url: &str, init: &Object) -> Promise;

    type AbortSignal;
    #[wasm_bindgen(static_method_of = AbortSignal)]
    fn timeout(millis: f64) -> JsValue;
}

/// How long the server may take to answer, milliseconds.
const PATIENCE_MILLIS: f64 = 5_000.0;

/// Asks the server that the page came from for a sign of life; [`Event::Probed`] tells.
pub(crate) fn probe(sink: Sink) {
    let init = Object::new();
    // Whatever the answer says, that there is one is enough.
    let wanted = [("cache", "no-store".into()), ("signal", AbortSignal::timeout(PATIENCE_MILLIS))];
    for (name, value) in wanted {
        // Setting a property of a plain object cannot fail.
        Reflect::set(&init, &name.into(), &value).ok();
    }
    let answer = fetch("/healthz", &init);
    spawn_local(async move {
        let answers = JsFuture::from(answer).await.is_ok();
        sink(Event::Probed { answers });
    });
}
