//! What the page costs its own thread under load.

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
