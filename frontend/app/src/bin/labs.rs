//! The module of the labs: loaded by the page when one of their panels is opened first.

use wasm_bindgen::prelude::wasm_bindgen;

/// Shows the lab that `host` names, as it was left.
#[wasm_bindgen]
pub fn open(host: &web_sys::Element) {
    sluice_page::features::lazy_host::open(host);
}

fn main() {
    console_error_panic_hook::set_once();
}
