//! Probe: whether the server answers HTTP at all.
//!
//! Chromium counts every WebTransport handshake that fails against the page and holds the next ones back: by 10 ms
//! times two to the number of failures of the last minutes, up to a minute. So a lane does not try the UDP port of a
//! server that does not even answer HTTP.

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

/// How long the server may take to answer, milliseconds.
const PATIENCE_MILLIS: f64 = 5_000.0;

/// Asks the server that the page came from for a sign of life; [`Event::Probed`] tells.
pub(crate) fn probe(sink: EventSink) {
    let init = Object::new();
    // Whatever the answer says, that there is one is enough.
    let mut wanted: Vec<(&str, JsValue)> = vec![("cache", "no-store".into())];
    // A browser without this method throws: there the attempt's own patience ends the wait.
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
