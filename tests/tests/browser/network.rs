//! A bad network: both lanes feel it, each in its own way, and come back from it.

use std::time::Duration;

use serde_json::json;
use sluice_tests::deadline::{eventually, must};
use sluice_tests::http;
use sluice_tests::metrics::Metrics;
use sluice_tests::stage::{Facts, Stage, on_stage};
use tokio::time::Instant;

use crate::DESK;

const LANES: [&str; 2] = ["stream-per-topic", "websocket"];
/// With BBR random loss does not slow the sender down: what differs is the order that each transport keeps.
const BBR: &str = "?lane=websocket,cc:bbr&lane=stream-per-topic,cc:bbr";

/// What stands in the elements with a test id.
const TEXTS: &str = r#"
    return [...document.querySelectorAll(`[data-testid="${arguments[0]}"]`)].map((each) => each.textContent);
"#;

fn both_consume(messages: f64) -> impl Fn(&Facts) -> bool {
    move |facts| LANES.iter().all(|lane| facts.consumes(lane, messages))
}

async fn texts(stage: &Stage, id: &str) -> Vec<String> {
    let texts = stage.browser.run(TEXTS, json!([id])).await;
    must("reading texts", serde_json::from_value(texts))
}

async fn values(stage: &Stage, id: &str) -> Vec<f64> {
    let values = "return [...document.querySelectorAll(`[data-testid=\"${arguments[0]}\"]`)].map((each) => +each.dataset.value);";
    let values = stage.browser.run(values, json!([id])).await;
    must("reading values", serde_json::from_value(values))
}

async fn is_pressed(stage: &Stage, id: &str) -> bool {
    let pressed = "return document.querySelector(`[data-testid=\"${arguments[0]}\"]`).ariaPressed";
    stage.browser.run(pressed, json!([id])).await == json!("true")
}

/// Waits until both lanes have gone on by `messages` messages.
async fn until_both_go_on(stage: &Stage, messages: f64) -> Facts {
    let before = stage.facts().await;
    stage
        .until("both lanes go on", |facts| {
            LANES.iter().all(|lane| facts.consumes(lane, before.count(lane, "consumed") + messages))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lossy_network_makes_both_lanes_older_and_holds_the_ordered_one_up() {
    on_stage("lossy_network", DESK, BBR, async |stage| {
        let fresh = stage
            .until("both lanes are fresh", |facts| {
                LANES.iter().all(|lane| {
                    facts.consumes(lane, 400.0)
                        && facts.number(lane, "age-p50").is_some_and(|micros| micros < 40_000.0)
                })
            })
            .await;
        assert!(LANES.iter().all(|lane| fresh.text(lane, "path") == "emulated"), "{fresh:#?}");
        stage.press(None, "preset-lossy-2").await;
        stage
            .until("both lanes feel the way", |facts| {
                LANES
                    .iter()
                    .all(|lane| facts.number(lane, "on-the-wire").is_some_and(|packets| packets > 0.0))
            })
            .await;
        // Ages are told of the last 30 s, some of which were before.
        let before = stage.facts().await;
        stage.press(None, "reset").await;
        stage
            .until("the count begins anew", |facts| {
                LANES.iter().all(|lane| facts.count(lane, "consumed") < before.count(lane, "consumed"))
            })
            .await;
        let facts = stage
            .until("losses are measured on both lanes, and hold up what is kept in order", |facts| {
                facts.number("websocket", "stalls").is_some_and(|stalls| stalls >= 10.0)
                    && LANES.iter().all(|lane| {
                        facts.consumes(lane, 800.0)
                            && facts.number(lane, "realised-loss").is_some_and(|percent| percent > 0.3)
                            && facts.number(lane, "late-cause").is_some_and(|micros| micros > 50_000.0)
                    })
            })
            .await;
        for lane in LANES {
            // Nothing is younger than the 50 ms that everything takes.
            assert!(facts.count(lane, "age-p50") > 45_000.0, "{facts:#?}");
            assert!(facts.count(lane, "realised-loss") < 6.0, "{facts:#?}");
            assert_eq!(facts.count(lane, "lost") + facts.count(lane, "gaps"), 0.0, "{facts:#?}");
            assert_eq!(facts.count(lane, "reconnects"), 0.0, "the network changes under open connections");
        }
        // A lost packet holds up everything behind it on one connection, and its own topic on the other.
        let [topics, ordered] = LANES.map(|lane| facts.count(lane, "stalls"));
        assert!(ordered > 2.0 * topics, "{ordered} stalls in order, {topics} by topic: {facts:#?}");
        let causes = texts(stage, "late-cause").await;
        assert!(causes.iter().any(|cause| cause.contains("behind lost packet")), "{causes:?}");
        let verdict = texts(stage, "verdict").await.concat();
        let parts = ["WebSocket", "Stream per topic", "typical message"];
        assert!(parts.iter().all(|part| verdict.contains(part)), "{verdict}");
        stage.press(None, "view-compare").await;
        let medians = eventually("the comparison is shown", || async {
            Some(values(stage, "table-p50").await).filter(|medians| medians.len() == LANES.len())
        })
        .await;
        for median in medians {
            assert!(median > 45_000.0, "the comparison tells of another network: {median} µs");
        }
        assert!(stage.shown_address().await.contains("net=lossy-2"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_udp_stops_webtransport_alone_and_both_recover() {
    on_stage("blocked_udp", DESK, "", async |stage| {
        // The browser writes each QUIC connection that is not answered to the console.
        stage.expect_console_errors("net::ERR_");
        stage.expect_console_errors("Failed to establish a connection");
        stage.until("both lanes consume", both_consume(400.0)).await;
        stage.press(None, "block-udp").await;
        let cut = stage
            .until("the WebTransport lane is cut", |facts| facts.text("stream-per-topic", "state") != "open")
            .await;
        assert_eq!(cut.text("websocket", "state"), "open", "{cut:#?}");
        assert!(is_pressed(stage, "block-udp").await);
        let goal = cut.count("websocket", "consumed") + 400.0;
        let facts =
            stage.until("the WebSocket lane goes on", |facts| facts.consumes("websocket", goal)).await;
        assert_eq!(facts.count("websocket", "reconnects"), 0.0, "{facts:#?}");
        assert_ne!(facts.text("stream-per-topic", "state"), "open", "{facts:#?}");

        stage.press(None, "preset-none").await;
        stage.until("both lanes are open", both_consume(0.0)).await;
        let facts = until_both_go_on(stage, 800.0).await;
        assert_eq!(facts.count("stream-per-topic", "reconnects"), 1.0, "{facts:#?}");
        assert!(LANES.iter().all(|lane| facts.count(lane, "lost") == 0.0), "{facts:#?}");
        eventually("the switch says that UDP passes", || async {
            (!is_pressed(stage, "block-udp").await).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_takes_another_way_and_another_controller_and_loses_nothing() {
    on_stage("other_way", DESK, "", async |stage| {
        stage.until("both lanes consume", both_consume(400.0)).await;
        stage.set(Some("websocket"), "congestion", "bbr").await;
        let facts = stage
            .until("the lane has connected anew", |facts| {
                facts.number("websocket", "reconnects") == Some(1.0)
            })
            .await;
        assert_eq!(facts.count("stream-per-topic", "reconnects"), 0.0, "{facts:#?}");
        eventually("the server says that it uses BBR", || async {
            texts(stage, "fairness").await.first().is_some_and(|told| told.contains("BBR")).then_some(())
        })
        .await;
        stage.set(Some("websocket"), "path", "direct").await;
        stage
            .until("the lane bypasses the emulated network", |facts| {
                facts.number("websocket", "reconnects") == Some(2.0)
                    && facts.number("websocket", "realised-loss").is_none()
            })
            .await;
        let told = texts(stage, "fairness").await;
        assert!(told[0].ends_with("direct") && told[1].ends_with("emulated network"), "{told:?}");
        // A second of delay is felt by the other lane alone.
        stage.set(None, "net-delay", "150").await;
        stage
            .until("the emulated lane is late", |facts| {
                facts.number("stream-per-topic", "late-cause").is_some_and(|micros| micros > 500_000.0)
            })
            .await;
        let facts = until_both_go_on(stage, 200.0).await;
        assert!(facts.count("websocket", "age-p50") < 100_000.0, "{facts:#?}");
        assert!(
            LANES.iter().all(|lane| facts.count(lane, "lost") + facts.count(lane, "gaps") == 0.0),
            "{facts:#?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_in_the_link_that_cannot_be_read_is_told() {
    let query = "?net=Satelite&net-loss=400&net-delay=20";
    on_stage("bad_network_link", DESK, query, async |stage| {
        stage.until("both lanes consume all the same", both_consume(200.0)).await;
        let notice = texts(stage, "link-notice").await.concat();
        assert!(notice.contains("did you mean “satellite”?") && notice.contains("net-loss=400"), "{notice}");
        assert!(is_pressed(stage, "preset-none").await);
        // What could be read holds.
        stage
            .until("the delay is felt", |facts| {
                LANES.iter().all(|lane| facts.number(lane, "age-p50").is_some_and(|micros| micros > 18_000.0))
            })
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_leaves_takes_its_lab_along() {
    on_stage("lab_removed", DESK, "", async |stage| {
        stage.until("both lanes consume", both_consume(100.0)).await;
        let labs = async || Metrics::of(stage.http()).await.sum("sluice_labs", &[]);
        assert_eq!(labs().await, 1.0);
        let left_at = Instant::now();
        stage.browser.open("about:blank").await;
        eventually("the lab is gone", || async { (labs().await == 0.0).then_some(()) }).await;
        // A lab that nobody watches ends by itself after 15 s.
        assert!(left_at.elapsed() < Duration::from_secs(12), "the page did not remove its lab");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_lab_all_lanes_go_direct_and_the_page_says_so() {
    on_stage("no_labs_left", DESK, "", async |stage| {
        // The browser writes every answer that is no success to the console.
        stage.expect_console_errors("503");
        stage.until("both lanes consume", both_consume(100.0)).await;
        stage.browser.open("about:blank").await;
        let origin = format!("http://{}", stage.http());
        let headers = [("content-type", "application/json"), ("origin", origin.as_str())];
        // Others take all labs, that of the page that has left among them.
        eventually("all labs are taken", || async {
            let answer = must("asking", http::post(stage.http(), "/api/labs", &headers, "{}").await);
            (answer.status == 503).then_some(())
        })
        .await;
        stage.browser.open(&stage.address("")).await;
        stage.until("both lanes consume without a lab", both_consume(200.0)).await;
        let notice = texts(stage, "lab-notice").await.concat();
        assert!(notice.contains("All lanes go direct"), "{notice}");
        let told = texts(stage, "fairness").await;
        assert!(told.iter().all(|lane| lane.ends_with("direct")), "{told:?}");
    })
    .await;
}
