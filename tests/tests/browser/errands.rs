//! Errands of a first-time visitor on a desk, done with what is in sight.

use serde_json::{Value, json};
use sluice_tests::deadline::eventually;
use sluice_tests::stage::{Facts, Stage, on_stage};
use sluice_tests::visitor::Visitor;

use crate::DESK;

const TOPICS: &str = "stream-per-topic";
const SOCKET: &str = "websocket";

/// The text that a visitor can read in the elements with a test id.
const SHOWN: &str = r#"
    return [...document.querySelectorAll(`[data-testid="${arguments[0]}"]`)]
        .filter((each) => each.checkVisibility()).map((each) => each.innerText).join("\n");
"#;

async fn shown(stage: &Stage, id: &str) -> String {
    stage.browser.run(SHOWN, json!([id])).await.as_str().unwrap_or_default().to_owned()
}

/// Waits until one of the elements with these test ids shows a text with all `parts`, and returns the text.
async fn until_shown(stage: &Stage, ids: &[&str], parts: &[&str]) -> String {
    eventually(&format!("{ids:?} show {parts:?}"), || async {
        for id in ids {
            let text = shown(stage, id).await;
            if parts.iter().all(|part| text.contains(part)) {
                return Some(text);
            }
        }
        None
    })
    .await
}

/// Gives the page the whole of a desk's screen, and waits until it has something to show.
async fn until_both_consume(stage: &Stage) {
    stage.resize(DESK.0, DESK.1).await;
    stage
        .until("both lanes consume", |facts: &Facts| {
            [TOPICS, SOCKET].iter().all(|lane| facts.consumes(lane, 400.0))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_sees_head_of_line_blocking() {
    on_stage("errand_blocking", DESK, "", async |stage| {
        until_both_consume(stage).await;
        let visitor = Visitor::new(stage);
        visitor.click("button", "Head-of-line blocking").await;
        visitor.click("button", "Details and controls of lane WebSocket").await;
        until_shown(stage, &["verdict", "late-cause"], &["behind lost packet"]).await;
        let facts = stage
            .until("stalls tell the lanes apart", |facts| {
                let stalls = |lane| facts.number(lane, "stalls-epoch").unwrap_or_default();
                stalls(SOCKET) >= 8.0 && stalls(SOCKET) > 2.0 * stalls(TOPICS)
            })
            .await;
        assert_eq!(facts.count(SOCKET, "lost") + facts.count(TOPICS, "lost"), 0.0, "{facts:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_finds_why_a_lane_is_late() {
    on_stage("errand_late", DESK, "", async |stage| {
        until_both_consume(stage).await;
        let visitor = Visitor::new(stage);
        visitor.click("button", "Slow consumer").await;
        let verdict =
            until_shown(stage, &["verdict"], &["WebSocket is slower", "because of its consumer"]).await;
        assert!(verdict.contains("not its transport"), "{verdict}");

        visitor.click("link", "Sluice, with its first set-up").await;
        until_both_consume(stage).await;
        visitor.click("button", "2 % loss").await;
        let causes = ["the congestion window", "send queue", "distance", "behind lost packets"];
        eventually("the verdict names a cause in the network", || async {
            let verdict = shown(stage, "verdict").await;
            causes.iter().any(|cause| verdict.contains(cause)).then_some(())
        })
        .await;
        let verdict = shown(stage, "verdict").await;
        assert!(!verdict.contains("consumer"), "the consumers take everything at once: {verdict}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_sees_that_udp_is_blocked_and_what_helps() {
    on_stage("errand_udp", DESK, "", async |stage| {
        // The browser writes each QUIC connection that is not answered to the console.
        stage.expect_console_errors("net::ERR_");
        stage.expect_console_errors("Failed to establish a connection");
        until_both_consume(stage).await;
        let visitor = Visitor::new(stage);
        visitor.click("button", "UDP blocked").await;
        until_shown(stage, &["verdict"], &["WebTransport", "UDP", " s"]).await;
        let cut = stage.until("the lane is cut", |facts| facts.text(TOPICS, "state") != "open").await;
        assert_eq!(cut.text(SOCKET, "state"), "open", "{cut:#?}");
        let note = until_shown(stage, &["connection-note"], &["UDP is blocked", "WebTransport"]).await;
        assert!(note.contains("does not get through"), "{note}");

        visitor.click("button", "Details and controls of lane Stream per topic").await;
        visitor.pick("Fallback", "websocket").await;
        let before = stage.facts().await.number(TOPICS, "consumed").unwrap_or_default();
        let facts = stage.until("the lane goes on", |facts| facts.consumes(TOPICS, before + 400.0)).await;
        assert_eq!(facts.text(TOPICS, "carried-by"), "websocket", "{facts:#?}");
        assert_eq!(facts.count(TOPICS, "lost"), 0.0, "{facts:#?}");
        until_shown(stage, &["fallback-in-use"], &["over", "WebSocket"]).await;
        until_shown(stage, &["verdict"], &["fallen back to WebSocket", "UDP"]).await;
    })
    .await;
}

/// The settings that a link has to reproduce.
const SETTINGS: &str = r#"
    const pressed = [...document.querySelectorAll('.sidebar [aria-pressed="true"]')].map((each) => each.dataset.testid);
    const values = [...document.querySelectorAll('.sidebar :is(input, select)')]
        .map((each) => [each.dataset.testid, each.type === "checkbox" ? each.checked : each.value]);
    const lanes = [...document.querySelectorAll('[data-testid^="lane-"][data-lane]')].map((each) => each.dataset.testid);
    const view = document.querySelector(".views [aria-current]")?.textContent ?? null;
    return { pressed, values, lanes, view };
"#;

async fn settings(stage: &Stage) -> Value {
    stage.browser.run(SETTINGS, json!([])).await
}

async fn until_view(stage: &Stage, title: &str) {
    eventually(&format!("the view is {title}"), || async {
        (settings(stage).await["view"] == json!(title)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_reproduces_a_colleagues_link() {
    on_stage("errand_link", DESK, "", async |stage| {
        until_both_consume(stage).await;
        let visitor = Visitor::new(stage);
        visitor.click("button", "LTE").await;
        visitor.slide("Takes", "ArrowRight", 4).await;
        visitor.slide("Topics", "ArrowLeft", 3).await;
        visitor.click("link", "Continuity").await;
        until_view(stage, "Continuity").await;
        let link = eventually("the address holds the set-up", || async {
            let address = stage.shown_address().await;
            let parts = ["net=lte", "sleep:2ms", "view=continuity"];
            parts.iter().all(|part| address.contains(part)).then_some(address)
        })
        .await;
        // The sliders show what is in force, which the server confirms.
        let sent = eventually("the network is LTE's", || async {
            let shown = settings(stage).await;
            let has_delay =
                shown["values"].as_array()?.iter().any(|pair| pair[0] == "net-delay" && pair[1] != "0");
            has_delay.then_some(shown)
        })
        .await;
        assert_eq!(sent["lanes"].as_array().map(Vec::len), Some(2), "{sent}");

        let page = stage.browser.hide_behind_new_tab().await;
        stage.resize(DESK.0, DESK.1).await;
        stage.browser.open(&link).await;
        eventually("the other page has the same set-up", || async {
            (settings(stage).await == sent).then_some(())
        })
        .await;
        stage
            .until("its lanes consume", |facts| {
                [TOPICS, SOCKET].iter().all(|lane| facts.consumes(lane, 100.0))
            })
            .await;
        let visitor = Visitor::new(stage);
        visitor.click("link", "Compare").await;
        until_view(stage, "Compare").await;
        stage.browser.back().await;
        until_view(stage, "Continuity").await;
        assert_eq!(settings(stage).await, sent, "Back changes the view alone");
        stage.browser.come_back_to(&page).await;
    })
    .await;
}
