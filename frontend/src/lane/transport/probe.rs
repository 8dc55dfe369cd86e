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

/// Asks the server of the WebSocket at `websocket_url` for a sign of life; [`Event::Probed`] tells.
pub(in crate::lane) fn probe(websocket_url: &str, sink: Sink) {
    let init = Object::new();
    // Whatever the answer says, that there is one is enough: its text need not be readable across origins.
    let wanted = [
        ("mode", "no-cors".into()),
        ("cache", "no-store".into()),
        ("signal", AbortSignal::timeout(PATIENCE_MILLIS)),
    ];
    for (name, value) in wanted {
        // Setting a property of a plain object cannot fail.
        Reflect::set(&init, &name.into(), &value).ok();
    }
    let answer = fetch(&health_url(websocket_url), &init);
    spawn_local(async move {
        let answers = JsFuture::from(answer).await.is_ok();
        sink(Event::Probed { answers });
    });
}

/// Where the server of a WebSocket says that it is well.
fn health_url(websocket_url: &str) -> String {
    let (scheme, rest) = websocket_url.split_once("://").unwrap_or(("ws", websocket_url));
    let scheme = if scheme == "wss" { "https" } else { "http" };
    let authority = rest.split('/').next().unwrap_or(rest);
    format!("{scheme}://{authority}/healthz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_asked_of_the_same_server() {
        assert_eq!(health_url("ws://localhost:8080/ws"), "http://localhost:8080/healthz");
        assert_eq!(health_url("wss://lab.example/ws"), "https://lab.example/healthz");
    }
}
