//! The browser's clock.

use sluice_shared::time::Time;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

/// Returns the current time, microseconds since the Unix epoch, on the clock that page and workers share.
pub fn now() -> Time {
    let performance = web_sys::window().and_then(|window| window.performance());
    performance.map_or(Time::ZERO, |performance| {
        let millis = performance.time_origin() + performance.now();
        Time::from_micros((millis * 1e3) as u64)
    })
}

/// Returns the milliseconds since the page was opened, for measuring the page's own cost.
pub fn page_millis() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now())
}

/// Returns the browser's local time of day at `time`, as `hh:mm:ss`.
pub fn time_of_day(time: Time) -> String {
    let date = js_sys::Date::new(&JsValue::from_f64(time.as_micros() as f64 / 1e3));
    format!("{:02}:{:02}:{:02}", date.get_hours(), date.get_minutes(), date.get_seconds())
}

/// Marks this moment under a name in the browser's User Timing, where developer tools and benches find it.
pub fn mark(name: &str) {
    if let Some(performance) = web_sys::window().and_then(|window| window.performance()) {
        let marked = performance.mark(name);
        debug_assert!(marked.is_ok(), "a name without meaning is no error");
    }
}

/// Sleeps for `millis` milliseconds, or longer while the page is hidden.
pub async fn sleep_millis(millis: i32) {
    let promise = js_sys::Promise::new(&mut |resolve, _reject| {
        let set = web_sys::window()
            .map(|window| window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis));
        debug_assert!(matches!(set, Some(Ok(_))), "a page has timers");
    });
    let waited = JsFuture::from(promise).await;
    debug_assert!(waited.is_ok(), "a timer is never refused");
}
