//! What the page costs its own thread under load, and how soon and how still it is there.

use serde::Deserialize;
use sluice_tests::deadline::{eventually, must};
use sluice_tests::stage::on_stage;

use crate::measure::{Plan, Row, grouped, plain_row};

const LANES: [&str; 2] = ["stream-per-topic", "websocket"];

/// Frames of the page with two lanes of 20,000 messages a second each.
pub(crate) async fn frame_times(plan: Plan) -> Vec<Row> {
    let query =
        "?lane=websocket&lane=stream-per-topic&feeds=ticks&rate=20000&size=64&topics=8&keys=16&seed=7";
    let (mut work, mut frames, mut rate) = (Vec::new(), Vec::new(), Vec::new());
    on_stage("page_bench", (1_440, 900), query, async |stage| {
        stage
            .until("both lanes consume", |facts| LANES.iter().all(|lane| facts.consumes(lane, 20_000.0)))
            .await;
        for _ in 0..plan.runs {
            stage.press(None, "reset").await;
            tokio::time::sleep(plan.span).await;
            let facts = stage.facts().await;
            work.extend(stage.fact("frame-times").await.parse::<f64>().ok());
            let read =
                "return document.querySelector('[data-testid=\"frame-times\"]').dataset.framesPerSecond";
            let shown = stage.browser.run(read, serde_json::json!([])).await;
            frames.extend(shown.as_str().and_then(|shown| shown.parse::<f64>().ok()));
            rate.push(LANES.iter().filter_map(|lane| facts.number(lane, "consumed-rate")).sum());
        }
    })
    .await;
    vec![
        plain_row("page, 2 × 20,000 messages/s: its own work for a frame, p95", &work, |ms| {
            format!("{ms:.2} ms")
        }),
        plain_row("the same, frames a second", &frames, |rate| format!("{rate:.1}")),
        plain_row("the same, messages consumed by both lanes", &rate, |rate| {
            format!("{} a second", grouped(rate))
        }),
    ]
}

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

/// Time after the first data in which figures and sentences come, and may move what is there.
const SETTLING: std::time::Duration = std::time::Duration::from_secs(8);

#[derive(Clone, Copy, Debug, Deserialize)]
struct LoadTimes {
    paint: Option<f64>,
    data: f64,
    shift: f64,
}

/// First visits to the page, each by a fresh browser over the loopback.
pub(crate) async fn first_visits(plan: Plan) -> Vec<Row> {
    let mut rows = Vec::new();
    for (screen, size) in [("1440 × 900", (1_440, 900)), ("390 × 844", (390, 844))] {
        let mut loads = Vec::new();
        for _ in 0..plan.runs {
            on_stage("load_bench", size, "", async |stage| {
                stage.resize(size.0, size.1).await;
                let read = async || {
                    let times = stage.browser.run_async(LOAD_TIMES).await;
                    must("reading times", serde_json::from_value::<Option<LoadTimes>>(times))
                };
                eventually("a lane has data", &read).await;
                tokio::time::sleep(SETTLING).await;
                loads.extend(read().await);
            })
            .await;
        }
        let of = |value: fn(&LoadTimes) -> Option<f64>| loads.iter().filter_map(value).collect::<Vec<_>>();
        let millis = |value: f64| format!("{value:.0} ms");
        rows.push(plain_row(
            &format!("first visit, {screen}: largest contentful paint"),
            &of(|load| load.paint),
            millis,
        ));
        rows.push(plain_row("the same, first data of a lane", &of(|load| Some(load.data)), millis));
        rows.push(plain_row("the same, cumulative layout shift", &of(|load| Some(load.shift)), |value| {
            format!("{value:.3}")
        }));
    }
    rows
}
