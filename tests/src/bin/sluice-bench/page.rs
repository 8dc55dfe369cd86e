//! What the page costs its own thread under load, and how soon and how still it is there.

use sluice_tests::deadline::eventually;
use sluice_tests::load_times::{LoadTimes, load_times};
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

/// Time after the first data in which figures and sentences come, and may move what is there.
const SETTLING: std::time::Duration = std::time::Duration::from_secs(8);

/// First visits to the page, each by a fresh browser over the loopback.
pub(crate) async fn first_visits(plan: Plan) -> Vec<Row> {
    let mut rows = Vec::new();
    for (screen, size) in [("1440 × 900", (1_440, 900)), ("390 × 844", (390, 844))] {
        let mut loads = Vec::new();
        for _ in 0..plan.runs {
            on_stage("load_bench", size, "", async |stage| {
                stage.resize(size.0, size.1).await;
                eventually("a lane has data", || load_times(&stage.browser)).await;
                tokio::time::sleep(SETTLING).await;
                loads.extend(load_times(&stage.browser).await);
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
