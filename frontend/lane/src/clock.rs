//! The browser's clock.

use sluice_shared::time::Time;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Performance;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = performance)]
    static PERFORMANCE: Performance;
}

thread_local! {
    static ORIGIN_MILLIS: f64 = PERFORMANCE.with(Performance::time_origin);
}

/// Returns the time, microseconds since the Unix epoch.
///
/// It is monotonic even if the system clock changes: the origin is taken at the worker's start. Browsers
/// limit its resolution to 5 µs on cross-origin isolated pages and 100 µs on others.
pub(super) fn now() -> Time {
    let millis = ORIGIN_MILLIS.with(|origin| *origin) + PERFORMANCE.with(Performance::now);
    Time::from_micros((millis * 1e3) as u64)
}
