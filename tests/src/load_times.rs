//! How soon a page shows something, and how still it stays, as the browser has timed it.

use serde::Deserialize;

use crate::deadline::must;
use crate::webdriver::Browser;

/// Reads what the browser has timed, ms since the navigation; null until a lane has data.
const LOAD_TIMES: &str = r#"
    const [data] = performance.getEntriesByName("first lane data");
    const entries = (type) => new Promise((resolve) => {
        const observer = new PerformanceObserver((list) => resolve(list.getEntries()));
        observer.observe({ type, buffered: true });
        setTimeout(() => resolve([]), 100);
    });
    const done = arguments[arguments.length - 1];
    if (!data) return done(null);
    (async () => {
        const paints = await entries("largest-contentful-paint");
        const shifts = await entries("layout-shift");
        // Layout shift is that of the worst window: shifts less than 1 s apart, 5 s at most.
        let [worst, sum, began, last] = [0, 0, -Infinity, -Infinity];
        for (const { startTime, value, hadRecentInput } of shifts) {
            if (hadRecentInput) continue;
            if (startTime - last > 1000 || startTime - began > 5000) [sum, began] = [0, startTime];
            [sum, last] = [sum + value, startTime];
            worst = Math.max(worst, sum);
        }
        done({ paint: paints.at(-1)?.startTime ?? null, data: data.startTime, shift: worst });
    })();
"#;

/// Times of one page load, ms since the navigation.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct LoadTimes {
    /// Largest contentful paint, if anything was painted.
    pub paint: Option<f64>,
    /// First message that a lane consumed.
    pub data: f64,
    /// Cumulative layout shift: the sum of the worst session window.
    pub shift: f64,
}

/// Returns the times of the page that is shown, or `None` until a lane has data.
///
/// # Panics
/// The browser has gone.
pub async fn load_times(browser: &Browser) -> Option<LoadTimes> {
    let times = browser.run_async(LOAD_TIMES).await;
    must("reading times of a page load", serde_json::from_value(times))
}
