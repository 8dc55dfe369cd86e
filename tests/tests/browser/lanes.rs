//! What a visitor sees with and without a click.

use sluice_shared::mode::Mode;
use sluice_tests::stage::{Facts, on_stage};

use crate::DESK;

const DEFAULT: [&str; 2] = ["stream-per-topic", "websocket"];

/// The host feed's panel has a recent reading for each lane, and its picture is not empty.
const HOST_PANEL: &str = r#"
    const ages = [...document.querySelectorAll('[data-testid="host-staleness"]')].map((each) => each.dataset.value);
    const canvas = document.querySelector("canvas.host-canvas");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const shades = new Set();
    for (let at = 0; at < pixels.length; at += 4) shades.add(`${pixels[at]},${pixels[at + 1]},${pixels[at + 2]}`);
    return { ages, shades: shades.size };
"#;

#[tokio::test(flavor = "multi_thread")]
async fn two_lanes_consume_the_feed_without_a_click() {
    on_stage("two_lanes", DESK, "", async |stage| {
        let all_consume = |facts: &Facts| DEFAULT.iter().all(|lane| facts.consumes(lane, 1_000.0));
        let facts = stage.until("both lanes consume", all_consume).await;
        assert_eq!(facts.lanes(), DEFAULT);
        for lane in DEFAULT {
            assert_eq!(facts.count(lane, "lost"), 0.0, "{facts:#?}");
            assert_eq!(facts.count(lane, "gaps"), 0.0, "{facts:#?}");
            assert_eq!(facts.count(lane, "reconnects"), 0.0, "{facts:#?}");
            assert!(facts.count(lane, "age-p50") <= facts.count(lane, "age-p99"), "{facts:#?}");
            assert!(facts.count(lane, "age-p99") < 5_000_000.0, "{facts:#?}");
            assert!(facts.count(lane, "credit-window") >= 16.0, "{facts:#?}");
            assert!(facts.count(lane, "hop-inbox") <= facts.count(lane, "credit-window"), "{facts:#?}");
        }
        let host = stage.browser.run(HOST_PANEL, serde_json::json!([])).await;
        let ages = host["ages"].as_array().expect("a list");
        assert_eq!(ages.len(), DEFAULT.len(), "{host}");
        for age in ages {
            let micros: f64 = age.as_str().and_then(|age| age.parse().ok()).expect("each lane has a reading");
            assert!(micros < 5e6, "{host}");
        }
        assert!(host["shades"].as_u64().is_some_and(|shades| shades > 4), "the host chart is empty: {host}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_six_modes_open_and_consume() {
    on_stage("six_modes", DESK, "", async |stage| {
        stage.until("the page is there", |facts| facts.lanes() == DEFAULT).await;
        for mode in Mode::ALL.map(Mode::name) {
            if !DEFAULT.contains(&mode) {
                stage.press(None, &format!("add-lane-{mode}")).await;
            }
            let facts = stage.until(&format!("{mode} consumes"), |facts| facts.consumes(mode, 400.0)).await;
            assert_eq!(facts.count(mode, "lost"), 0.0, "{facts:#?}");
            if !DEFAULT.contains(&mode) {
                stage.press(Some(mode), "remove-lane").await;
                stage.until(&format!("{mode} is removed"), |facts| !facts.lanes().contains(&mode)).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_lanes_run_side_by_side() {
    let query = "?lane=websocket&lane=websocket-stream&lane=stream-per-message&lane=datagrams";
    on_stage("four_lanes", DESK, query, async |stage| {
        let four = ["datagrams", "stream-per-message", "websocket", "websocket-stream"];
        let all_consume = |facts: &Facts| four.iter().all(|lane| facts.consumes(lane, 1_000.0));
        let facts = stage.until("all four lanes consume", all_consume).await;
        assert_eq!(facts.lanes(), four);
        assert!(four.iter().all(|lane| facts.count(lane, "lost") == 0.0), "{facts:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_forgets_what_was_measured() {
    on_stage("reset", DESK, "", async |stage| {
        let far = stage.until("much was consumed", |facts| facts.consumes("websocket", 2_000.0)).await;
        stage.press(None, "reset").await;
        let facts = stage
            .until("the count begins anew", |facts| {
                facts.number("websocket", "consumed") < far.number("websocket", "consumed")
            })
            .await;
        assert_eq!(facts.text("websocket", "state"), "open", "{facts:#?}");
        stage.until("the lane goes on", |facts| facts.consumes("websocket", 400.0)).await;
    })
    .await;
}
