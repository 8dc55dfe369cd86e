//! The wasm module of the lazily loaded views, imported by the page when one of them is first opened.

use js_sys::{Array, Function};
use sluice_page::features::lazy_host;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Shows a view in `host`, replacing the previous one. `input` is an encoded `ViewInput` of the bridge;
/// `on_action` is called with each encoded `ViewAction`. `lane_module` is the page's own module, which runs
/// lanes in workers.
///
/// # Errors
/// The snapshot cannot be decoded: page and module have different versions.
#[wasm_bindgen]
pub fn open(
    host: &web_sys::Element,
    input: &[u8],
    on_action: &Function,
    lane_module: Array,
) -> Result<(), JsValue> {
    lazy_host::open(host, input, on_action, lane_module)
        .map_err(|error| JsValue::from_str(&error.to_string()))
}

/// Sends the open view another snapshot.
///
/// # Errors
/// The snapshot cannot be decoded.
#[wasm_bindgen]
pub fn update(input: &[u8]) -> Result<(), JsValue> {
    lazy_host::update(input).map_err(|error| JsValue::from_str(&error.to_string()))
}

/// Removes the open view and everything that it runs.
#[wasm_bindgen]
pub fn close() {
    lazy_host::close();
}

fn main() {
    console_error_panic_hook::set_once();
}
