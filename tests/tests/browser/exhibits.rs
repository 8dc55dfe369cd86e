//! Failure exhibits in the browser: naive pages with naive servers.

use std::time::Duration;

use serde_json::json;
use sluice_tests::deadline::patiently;
use sluice_tests::stage::on_stage;

use crate::DESK;

/// How long what lies between server and page may take to fill.
const FILLING: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn holes_show_on_the_lane_whose_server_drops_silently_and_not_beside_it() {
    let query =
        "?lane=websocket,busy:5ms,policy:silent-drop:64&lane=stream-per-topic,busy:5ms&rate=500&size=8192";
    on_stage("silent_drop", DESK, query, async |stage| {
        stage
            .until("both lanes consume", |facts| {
                facts.consumes("websocket", 100.0) && facts.consumes("stream-per-topic", 100.0)
            })
            .await;
        let facts = patiently(FILLING, "the page finds holes", async || {
            let facts = stage.facts().await;
            (facts.count("websocket", "lost") > 100.0).then_some(facts)
        })
        .await;
        assert_eq!(facts.count("websocket", "gaps"), 0.0, "nobody was told of a gap");
        assert_eq!(facts.count("stream-per-topic", "lost"), 0.0);
        assert_eq!(facts.text("websocket", "state"), "open");
        // The page is answered although each handler computes.
        let before = facts.count("websocket", "consumed");
        stage.until("figures go on", |facts| facts.count("websocket", "consumed") > before + 100.0).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unbounded_queue_ends_with_its_figures_and_another_policy_begins_anew() {
    let query = "?lane=websocket-stream,sleep:50ms,policy:unbounded&rate=1500&size=16384";
    on_stage("unbounded", DESK, query, async |stage| {
        patiently(FILLING, "the exhibit is over", async || {
            (stage.facts().await.text("websocket-stream", "state") == "failed").then_some(())
        })
        .await;
        let words = "return document.querySelector('[data-testid=\"lane-websocket-stream\"]').textContent";
        let words = stage.browser.run(words, json!([])).await.to_string();
        assert!(words.contains("exhibit") || words.contains("MiB"), "{words}");
        stage.set(Some("websocket-stream"), "policy", "latest").await;
        stage.until("the lane is open again", |facts| facts.consumes("websocket-stream", 20.0)).await;
    })
    .await;
}
