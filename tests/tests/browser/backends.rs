//! Backends that are processes, on the page: killed by a click.

use serde_json::json;
use sluice_tests::deadline::{PATIENCE, eventually, patiently};
use sluice_tests::stage::{Facts, Stage, on_stage_of};

use crate::DESK;

const TOPICS: &str = "stream-per-topic";
const LAB: &str = "?net=none&net-delay=20&view=migration";

/// The process of a backend, as the panel shows it.
async fn process(stage: &Stage, backend: u8) -> Option<u64> {
    let script =
        "return document.querySelector(`[data-testid='process-${arguments[0]}']`)?.dataset.value ?? '';";
    stage.browser.run(script, json!([backend])).await.as_str()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_of_a_backend_is_killed_by_a_click_and_the_session_goes_on() {
    on_stage_of(&["--backends", "process"], "backends", DESK, LAB, async |stage| {
        // The browser writes each QUIC connection that is not answered to the console.
        stage.expect_console_errors("net::ERR_");
        stage.expect_console_errors("Failed to establish a connection");
        stage.until("the lane consumes", |facts: &Facts| facts.consumes(TOPICS, 200.0)).await;
        eventually("the balancer is in force", || async {
            stage.press(None, "routing-connection-id").await;
            process(stage, 0).await.and(process(stage, 1).await)
        })
        .await;
        let before = stage.facts().await.count(TOPICS, "reconnects");
        // One of the two has the lane.
        for backend in [0, 1] {
            let killed = process(stage, backend).await;
            stage.press(None, &format!("kill-{backend}")).await;
            patiently(2 * PATIENCE, "another process is there", || async {
                let process = process(stage, backend).await;
                (process.is_some() && process != killed).then_some(())
            })
            .await;
        }
        stage.until("the session has gone on", |facts| facts.count(TOPICS, "reconnects") > before).await;
        let consumed = stage.facts().await.count(TOPICS, "consumed");
        let facts =
            stage.until("the lane consumes again", |facts| facts.consumes(TOPICS, consumed + 200.0)).await;
        assert_eq!(facts.count(TOPICS, "lost") + facts.count(TOPICS, "gaps"), 0.0, "{facts:#?}");
        let show = "document.querySelector('[data-testid=balancer]').scrollIntoView({block: 'center'});";
        stage.browser.run(show, json!([])).await;
        stage.keep_screenshot("backends-desk").await;
    })
    .await;
}
