//! Connect timing of this browser's own connections.

use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{WebSocket, WebTransport, WebTransportHash, WebTransportOptions, window};

use crate::certificate_hash::certificate_hash;
use crate::clock;
use crate::window::capabilities;

/// Time limit for opening or closing a connection, ms.
const LIMIT_MILLIS: i32 = 10_000;

/// Opens a WebSocket and closes it again. Returns the time from the constructor to the open connection, µs.
///
/// # Errors
/// The reason for which it did not open, as text.
pub async fn time_websocket(url: &str) -> Result<u64, String> {
    let started_ms = clock::page_millis();
    let socket = WebSocket::new(url).map_err(|error| reason(&error))?;
    let opened = Promise::new(&mut |resolve, reject| {
        socket.set_onopen(Some(&resolve));
        socket.set_onclose(Some(&reject));
    });
    let opened = within_limit(opened).await;
    let micros = micros_since(started_ms);
    let closed = Promise::new(&mut |resolve, _| socket.set_onclose(Some(&resolve)));
    // Closing without a code never fails.
    socket.close().ok();
    opened.map_err(|error| reason(&error))?;
    within_limit(closed).await.ok();
    Ok(micros)
}

/// Opens a WebTransport session and closes it again. Returns the time from the constructor to the ready
/// session, µs. `certificate_hashes` are those of a server without a certificate chain; empty for a server
/// with one.
///
/// # Errors
/// The reason for which it did not open, as text.
pub async fn time_webtransport(url: &str, certificate_hashes: &[[u8; 32]]) -> Result<u64, String> {
    if !capabilities().web_transport {
        return Err("this browser, or this page, has no WebTransport".to_owned());
    }
    let options = WebTransportOptions::new();
    if !certificate_hashes.is_empty() {
        let hashes: Vec<WebTransportHash> = certificate_hashes.iter().map(certificate_hash).collect();
        options.set_server_certificate_hashes(&hashes);
    }
    let started_ms = clock::page_millis();
    let transport = WebTransport::new_with_options(url, &options).map_err(|error| reason(&error))?;
    let closed: Promise = transport.closed().unchecked_into();
    // Without a handler, a rejection would reach the console.
    let end = closed.clone();
    spawn_local(async move {
        JsFuture::from(end).await.ok();
    });
    let opened = within_limit(transport.ready().unchecked_into()).await;
    let micros = micros_since(started_ms);
    transport.close();
    opened.map_err(|error| reason(&error))?;
    within_limit(closed).await.ok();
    Ok(micros)
}

/// Returns the outcome of `promise`, or a rejection without a value after [`LIMIT_MILLIS`].
async fn within_limit(promise: Promise) -> Result<JsValue, JsValue> {
    let limit = Promise::new(&mut |_, reject| {
        let set = window().map(|window| {
            window.set_timeout_with_callback_and_timeout_and_arguments_0(&reject, LIMIT_MILLIS)
        });
        debug_assert!(matches!(set, Some(Ok(_))), "a page has timers");
    });
    JsFuture::from(Promise::race(&Array::of2(&promise, &limit))).await
}

/// Returns the reason for which a connection did not open: an error's message, a close event's code, or the
/// time limit.
fn reason(error: &JsValue) -> String {
    let property = |name: &str| Reflect::get(error, &name.into()).ok();
    if let Some(message) = property("message").and_then(|message| message.as_string()) {
        return message;
    }
    match property("code").and_then(|code| code.as_f64()) {
        Some(code) => ["closed with code ", &(code as u32).to_string()].concat(),
        None => ["no answer within ", &(LIMIT_MILLIS / 1_000).to_string(), "\u{a0}s"].concat(),
    }
}

fn micros_since(started_ms: f64) -> u64 {
    ((clock::page_millis() - started_ms).max(0.0) * 1e3) as u64
}
