//! A second wasm module beside the page's, loaded when it is asked for: what few visitors open costs the others nothing.

use std::cell::Cell;

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Element;

/// The script around the module. Its name is not hashed, so that the page knows it.
const SCRIPT: &str = "./labs.js";

#[wasm_bindgen]
extern "C" {
    /// The browser's own dynamic import. A script and a module that are here already are not loaded again.
    #[wasm_bindgen(js_name = import)]
    fn load(url: &str) -> Promise;
}

thread_local! {
    /// How often it has failed: browsers may keep the failure of an address for the life of the page.
    static FAILURES: Cell<u32> = const { Cell::new(0) };
}

/// Loads the labs, unless they are loaded, and lets them show themselves in `host`.
///
/// # Errors
/// What the browser says of a script or a module that cannot be loaded; the next call tries again.
pub async fn open_labs(host: &Element) -> Result<(), JsValue> {
    let failures = FAILURES.get();
    let opened = open(host, failures).await;
    if opened.is_err() {
        FAILURES.set(failures + 1);
    }
    opened
}

async fn open(host: &Element, failures: u32) -> Result<(), JsValue> {
    let url = if failures == 0 { SCRIPT.to_owned() } else { [SCRIPT, "?", &failures.to_string()].concat() };
    let script = JsFuture::from(load(&url)).await?;
    JsFuture::from(function(&script, "default")?.call0(&JsValue::NULL)?.dyn_into::<Promise>()?).await?;
    function(&script, "open")?.call1(&JsValue::NULL, host).map(drop)
}

fn function(script: &JsValue, name: &str) -> Result<Function, JsValue> {
    Reflect::get(script, &name.into())?.dyn_into()
}
