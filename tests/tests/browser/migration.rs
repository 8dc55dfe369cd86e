//! The migration lab on the page: clients that change networks, and the balancer that loses them or does not.

use serde_json::{Value, json};
use sluice_tests::deadline::{PATIENCE, eventually, patiently};
use sluice_tests::stage::{Facts, Stage, on_stage};

use crate::certificates::until_certified;
use crate::{DESK, HAND};

const TOPICS: &str = "stream-per-topic";
const SOCKET: &str = "websocket";
/// 20 ms each way, so that what is measured is the network's.
const LAB: &str = "?net=none&net-delay=20&panel=migration";

/// The number of a fact of the panel; `None` while there is none.
async fn number(stage: &Stage, id: &str) -> Option<u64> {
    text(stage, id).await.parse().ok()
}

/// A fact of the panel; empty while there is none.
async fn text(stage: &Stage, id: &str) -> String {
    let script = "return document.querySelector(`[data-testid='${arguments[0]}']`)?.dataset.value ?? '';";
    stage.browser.run(script, json!([id])).await.as_str().unwrap_or_default().to_owned()
}

/// Waits until both lanes consume and the panel watches the lab.
async fn until_ready(stage: &Stage) {
    let both = |facts: &Facts| [TOPICS, SOCKET].iter().all(|lane| facts.consumes(lane, 200.0));
    stage.until("both lanes consume", both).await;
    until_pressed(stage, "routing-off").await;
}

/// Waits until a button says that it is in force.
async fn until_pressed(stage: &Stage, id: &str) {
    eventually(&format!("{id} is in force"), || async {
        let script = "return document.querySelector(`[data-testid='${arguments[0]}']`)?.ariaPressed ?? '';";
        (stage.browser.run(script, json!([id])).await == json!("true")).then_some(())
    })
    .await;
}

/// Waits until a lane has consumed `messages` more.
async fn until_it_goes_on(stage: &Stage, lane: &str, messages: f64) -> Facts {
    let goal = stage.facts().await.number(lane, "consumed").unwrap_or_default() + messages;
    stage.until("the lane goes on", |facts| facts.consumes(lane, goal)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_keeps_the_webtransport_session_and_the_websocket_resumes() {
    on_stage("migration", DESK, LAB, async |stage| {
        until_ready(stage).await;
        stage.press(None, "panel-continuity").await;
        let whole = |certificate: &Value| certificate["produced"].as_u64() > Some(400);
        let before = until_certified(stage, 1, "the session is certified", whole).await;
        stage.press(None, "panel-migration").await;
        until_pressed(stage, "routing-off").await;
        stage.press(None, "address-host").await;
        stage.press(None, "migrate").await;

        let (gap, socket_gap) = eventually("both gaps are over and the path is validated", || async {
            (number(stage, "switched-webtransport-responses").await >= Some(1)).then_some(())?;
            Some((
                number(stage, "switched-webtransport-gap").await?,
                number(stage, "switched-websocket-gap").await?,
            ))
        })
        .await;
        eprintln!("another host: gap of QUIC {gap} µs, of TCP {socket_gap} µs");
        assert!(number(stage, "switched-webtransport-challenges").await >= Some(1));
        assert_eq!(text(stage, "switched-webtransport-client-ids").await, "kept", "as behind a NAT");
        assert_ne!(text(stage, "switched-webtransport-address").await, "");
        // There and back, and a TCP handshake, a request and an answer besides.
        assert!((20_000..3_000_000).contains(&gap), "{gap} µs");
        assert!(socket_gap >= 80_000, "{socket_gap} µs");
        let drawn = "const svg = document.querySelector('[data-testid=switch-drawing] svg');
            return [svg.querySelectorAll('.way').length, svg.querySelectorAll('.challenge').length > 0,
                svg.querySelectorAll('.gap.open').length];";
        assert_eq!(stage.browser.run(drawn, json!([])).await, json!([2, true, 0]));
        stage.keep_screenshot("migration-desk").await;

        let facts = until_it_goes_on(stage, SOCKET, 200.0).await;
        assert_eq!(facts.count(TOPICS, "reconnects"), 0.0, "{facts:#?}");
        assert_eq!(facts.count(SOCKET, "reconnects"), 1.0, "{facts:#?}");
        stage.press(None, "panel-continuity").await;
        let goal = stage.facts().await.count(TOPICS, "consumed") + 200.0;
        for (position, connections) in [(0, 2), (1, 1)] {
            let beyond = |certificate: &Value| {
                certificate["connections"] == connections
                    && certificate["produced"].as_f64().is_some_and(|produced| produced > goal)
            };
            let certificate = until_certified(stage, position, "what came after is certified", beyond).await;
            assert_eq!(certificate["verdict"], "continuous", "{certificate:#}");
            assert_eq!(certificate["digest_server"], certificate["digest_client"], "{certificate:#}");
            if position == 1 {
                assert_eq!(certificate["session"], before["session"], "it is the same session");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_by_address_loses_sessions_and_one_by_connection_id_does_not() {
    on_stage("balancer", DESK, LAB, async |stage| {
        // The browser writes each QUIC connection that is not answered to the console.
        stage.expect_console_errors("net::ERR_");
        stage.expect_console_errors("Failed to establish a connection");
        until_ready(stage).await;
        stage.press(None, "routing-connection-id").await;
        until_pressed(stage, "routing-connection-id").await;
        let before = stage.facts().await;
        for n in 0..6 {
            let packets = number(stage, "balanced").await;
            stage.press(None, "migrate").await;
            eventually("the change was survived", || async {
                (text(stage, "switch-drawing").await == n.to_string()).then_some(())?;
                number(stage, "switched-webtransport-gap").await?;
                (number(stage, "balanced").await > packets).then_some(())
            })
            .await;
        }
        assert_eq!(number(stage, "misrouted").await, Some(0));
        let facts = until_it_goes_on(stage, TOPICS, 100.0).await;
        assert_eq!(facts.count(TOPICS, "reconnects"), before.count(TOPICS, "reconnects"), "{facts:#?}");

        stage.press(None, "backends-4").await;
        stage.press(None, "routing-address").await;
        until_pressed(stage, "routing-address").await;
        // A change draws among four backends, so one that changes nothing is soon followed by one that does.
        patiently(3 * PATIENCE, "a session is lost", async || {
            stage.press(None, "migrate").await;
            until_it_goes_on(stage, TOPICS, 50.0).await;
            let is_lost = stage.facts().await.count(TOPICS, "reconnects") > facts.count(TOPICS, "reconnects");
            (is_lost && number(stage, "misrouted").await > Some(0)).then_some(())
        })
        .await;
        for lane in [TOPICS, SOCKET] {
            let facts = until_it_goes_on(stage, lane, 100.0).await;
            assert_eq!(facts.count(lane, "lost") + facts.count(lane, "gaps"), 0.0, "{facts:#?}");
        }
        stage.keep_screenshot("balancer-desk").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_changes_are_summed_up_on_a_small_screen_too() {
    on_stage("migration_hand", HAND, LAB, async |stage| {
        // A WebSocket may be cut in the middle of its upgrade.
        stage.expect_console_errors("net::ERR_");
        stage.expect_console_errors("WebSocket connection to");
        stage.resize(HAND.0, HAND.1).await;
        until_ready(stage).await;
        stage.press(None, "ten-switches").await;
        // A WebSocket that was cut ten times waits longer and longer between its tries.
        patiently(2 * PATIENCE, "ten changes were made", || async {
            let state = text(stage, "migration-status").await;
            assert_ne!(state, "refused");
            (state == "done" && number(stage, "series").await == Some(10)).then_some(())
        })
        .await;
        assert_eq!(number(stage, "series-webtransport-survived").await, Some(1));
        assert_eq!(number(stage, "series-websocket-survived").await, Some(0));
        for transport in ["webtransport", "websocket"] {
            let median = number(stage, &format!("series-{transport}-gap-p50")).await;
            let most = number(stage, &format!("series-{transport}-gap-max")).await;
            eprintln!("ten changes: {transport} p50 {median:?} µs, max {most:?} µs");
            assert!(median > Some(0) && most >= median);
        }
        let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(stage.browser.run(wide, json!([])).await, json!(0), "no sideways scrolling");
    })
    .await;
}
