//! The frame inspector on the page.

use serde_json::{Value, json};
use sluice_tests::deadline::eventually;
use sluice_tests::stage::{Stage, on_stage};

use crate::{DESK, HAND};

/// The raw values of all elements with this test id.
async fn values(stage: &Stage, id: &str, attribute: &str) -> Vec<String> {
    let script = "return [...document.querySelectorAll(`[data-testid='${arguments[0]}']`)]
        .map(element => element.dataset[arguments[1]] ?? '');";
    let values = stage.browser.run(script, json!([id, attribute])).await;
    serde_json::from_value(values).expect("a list of texts")
}

/// All text of the element with this test id; empty when there is none.
async fn text(stage: &Stage, id: &str) -> String {
    let script = "return document.querySelector(`[data-testid='${arguments[0]}']`)?.textContent ?? '';";
    stage.browser.run(script, json!([id])).await.as_str().unwrap_or_default().to_owned()
}

/// The number of the newest frame that is listed.
async fn newest(stage: &Stage) -> Option<u64> {
    values(stage, "frame", "number").await.first()?.parse().ok()
}

async fn frames_count(stage: &Stage) -> u64 {
    stage.fact("frames-count").await.parse().unwrap_or(0)
}

/// Lists frames of one kind, and waits until there are some and no others.
async fn list_only(stage: &Stage, kind: &str) {
    stage.set(None, "frames-filter", kind).await;
    eventually(&format!("{kind} frames alone are listed"), || async {
        let kinds = values(stage, "frame", "value").await;
        (!kinds.is_empty() && kinds.iter().all(|shown| shown == kind)).then_some(())
    })
    .await;
}

/// Opens the panel on a page whose lanes run.
async fn open_panel(stage: &Stage) {
    stage.until("WebSocket consumes", |facts| facts.consumes("websocket", 100.0)).await;
    stage.press(None, "view-frames").await;
    eventually("frames are listed", || async { newest(stage).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_come_live_stand_still_and_can_be_sorted_out() {
    on_stage("frames_live", DESK, "", async |stage| {
        open_panel(stage).await;
        assert_eq!(stage.fact("upgrade-accept").await, "matches");
        let first = newest(stage).await;
        eventually("newer frames come", || async { (newest(stage).await > first).then_some(()) }).await;

        stage.press(None, "frames-pause").await;
        let (still, count) = (newest(stage).await, frames_count(stage).await);
        eventually("frames pass", || async { (frames_count(stage).await > count + 20).then_some(()) }).await;
        assert_eq!(newest(stage).await, still, "the list stands still");
        stage.press(None, "frames-pause").await;
        eventually("the list goes on", || async { (newest(stage).await > still).then_some(()) }).await;

        stage.set(None, "fragments", "64").await;
        list_only(stage, "continuation").await;
        list_only(stage, "ping").await;
        stage.press(None, "frame").await;
        let told = text(stage, "frame-detail").await;
        assert!(told.contains("between the fragments of a message (§5.4)"), "{told}");
        list_only(stage, "pong").await;
        stage.press(None, "frame").await;
        let told = text(stage, "frame-detail").await;
        assert!(told.contains("MASK 1") && told.contains("the browser drew the key"), "{told}");
        assert!(told.contains("answers"), "the ping is found: {told}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_priced_over_both_transports() {
    on_stage("frames_cost", HAND, "", async |stage| {
        open_panel(stage).await;
        let read = "return [...document.querySelectorAll(\"tr[data-testid^='framing-'] td\")]
            .map(cell => [cell.dataset.testid, cell.dataset.value ? Number(cell.dataset.value) : null]);";
        let rows = eventually("both lanes have a price", || async {
            let cells = stage.browser.run(read, Value::Array(vec![])).await;
            let cells: Vec<(String, Option<f64>)> = serde_json::from_value(cells).ok()?;
            let rows: Vec<Vec<f64>> =
                cells.chunks(6).map(|row| row.iter().filter_map(|(_, value)| *value).collect()).collect();
            (rows.len() == 2 && rows.iter().all(|row| row.len() == 6)).then_some(rows)
        })
        .await;
        for row in rows {
            let [message, _, framing, packets, wire, count] = row[..] else { panic!("{row:?}") };
            assert!(message > 16.0 && wire > message, "{row:?}");
            assert!(framing > 0.0 && packets > 0.0 && count > 0.0, "{row:?}");
        }
    })
    .await;
}
