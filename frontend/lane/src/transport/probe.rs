//! Probe: checks whether the server answers HTTP at all.
//!
//! Chromium counts each failed WebTransport handshake against the page and delays the next ones: by 10 ms
//! times two to the power of the number of recent failures, up to a minute. A lane therefore does not try the
//! UDP port of a server that does not even answer HTTP.

use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::browser_transport::{Event, EventSink};

#[wasm_bindgen]
extern "C" {
    fn fetch(url: &str, init: &Object) -> Promise;

    type AbortSignal;
    #[wasm_bindgen(static_method_of = AbortSignal, catch)]
    fn timeout(millis: f64) -> Result<JsValue, JsValue>;
}

/// Timeout of the probe, milliseconds.
const PATIENCE_MILLIS: f64 = 5_000.0;

/// Probes the server that the page came from, and reports the result as [`Event::Probed`].
pub(crate) fn probe(sink: EventSink) {
    let init = Object::new();
    // Any response counts, whatever its status.
    let mut wanted: Vec<(&str, JsValue)> = vec![("cache", "no-store".into())];
    // A browser without this method throws; there the timeout of the attempt ends the wait.
    wanted.extend(AbortSignal::timeout(PATIENCE_MILLIS).ok().map(|signal| ("signal", signal)));
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
