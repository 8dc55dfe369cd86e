//! Connections that are lost: noticed in time, replaced by the other transport, and what it costs to start over.

use serde_json::json;
use sluice_tests::stage::{Facts, Stage, on_stage};

use crate::DESK;

const TOPICS: &str = "stream-per-topic";
const SOCKET: &str = "websocket";

/// The browser writes each QUIC connection that is not answered to the console.
fn expect_lost_connections(stage: &mut Stage) {
    stage.expect_console_errors("net::ERR_");
    stage.expect_console_errors("Failed to establish a connection");
}

fn is_back_over(facts: &Facts, lane: &str, transport: &str) -> bool {
    facts.text(lane, "carried-by") == transport && facts.number(lane, "life-recovered").is_some()
}

/// Waits until `lane` has consumed `messages` more, and returns what it says then.
async fn until_it_goes_on(stage: &Stage, lane: &str, messages: f64) -> Facts {
    let goal = stage.facts().await.number(lane, "consumed").unwrap_or_default() + messages;
    stage.until("the lane goes on", |facts| facts.consumes(lane, goal)).await
}

fn assert_nothing_is_lost(facts: &Facts, lane: &str) {
    assert_eq!(facts.count(lane, "lost") + facts.count(lane, "gaps"), 0.0, "{facts:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_udp_is_blocked_from_the_start_websocket_stands_in_and_its_time_is_told() {
    let query = "?lane=stream-per-topic,fallback&net=udp-blocked";
    on_stage("fallback_at_start", DESK, query, async |stage| {
        expect_lost_connections(stage);
        let facts = stage.until("the lane consumes", |facts| facts.consumes(TOPICS, 400.0)).await;
        assert_eq!(facts.text(TOPICS, "carried-by"), "websocket", "{facts:#?}");
        assert_eq!(facts.number(TOPICS, "ready-webtransport"), None, "{facts:#?}");
        // WebTransport's head start is part of it.
        let took = facts.count(TOPICS, "ready-websocket");
        eprintln!("UDP blocked from the start: WebSocket open after {took} ms");
        assert!(took >= 250.0, "{facts:#?}");
        assert_nothing_is_lost(&facts, TOPICS);
        assert_eq!(facts.count(TOPICS, "reconnects"), 0.0, "{facts:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_udp_works_webtransport_wins_the_race() {
    on_stage("fallback_unused", DESK, "?lane=stream-per-topic,fallback", async |stage| {
        let facts = stage.until("the lane consumes", |facts| facts.consumes(TOPICS, 400.0)).await;
        assert_eq!(facts.text(TOPICS, "carried-by"), "webtransport", "{facts:#?}");
        assert!(facts.number(TOPICS, "ready-webtransport").is_some(), "{facts:#?}");
        assert_eq!(facts.number(TOPICS, "ready-websocket"), None, "{facts:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn udp_that_is_blocked_in_mid_run_moves_a_lane_to_websocket_and_nothing_is_lost_or_doubled() {
    on_stage("fallback_mid_run", DESK, "?lane=stream-per-topic,fallback&hb=500,10000", async |stage| {
        expect_lost_connections(stage);
        let facts = stage.until("the lane consumes", |facts| facts.consumes(TOPICS, 400.0)).await;
        assert_eq!(facts.text(TOPICS, "carried-by"), "webtransport", "{facts:#?}");
        stage.press(None, "block-udp").await;
        let facts =
            stage.until("WebSocket stands in", |facts| is_back_over(facts, TOPICS, "websocket")).await;
        let (noticed, recovered) =
            (facts.count(TOPICS, "life-noticed"), facts.count(TOPICS, "life-recovered"));
        eprintln!("UDP blocked in mid-run: noticed after {noticed} ms, fresh again {recovered} ms later");
        // The two seconds that a silent connection is waited for; the heartbeat alone would wait for ten.
        assert!((2_000.0..10_000.0).contains(&noticed), "{facts:#?}");
        assert_eq!(facts.count(TOPICS, "life-missed"), 0.0, "{facts:#?}");
        let facts = until_it_goes_on(stage, TOPICS, 1_000.0).await;
        assert_nothing_is_lost(&facts, TOPICS);
        assert_eq!(facts.count(TOPICS, "reconnects"), 1.0, "{facts:#?}");
        // UDP works again, and the browser says so: the lane goes back, and loses nothing on the way either.
        stage.press(None, "preset-none").await;
        until_it_goes_on(stage, TOPICS, 400.0).await;
        stage.browser.run("window.dispatchEvent(new Event('online'))", json!([])).await;
        stage
            .until("the lane is back on its own transport", |facts| {
                facts.text(TOPICS, "carried-by") == "webtransport"
            })
            .await;
        let facts = until_it_goes_on(stage, TOPICS, 1_000.0).await;
        assert_nothing_is_lost(&facts, TOPICS);
        assert_eq!(facts.count(TOPICS, "reconnects"), 2.0, "{facts:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_over_loses_what_a_tunnel_swallows_and_resuming_does_not() {
    let query = "?lane=websocket,start-over&lane=stream-per-topic&hb=500,1500";
    on_stage("start_over", DESK, query, async |stage| {
        expect_lost_connections(stage);
        stage.expect_console_errors("WebSocket connection to");
        stage
            .until("both lanes consume", |facts| {
                [TOPICS, SOCKET].iter().all(|lane| facts.consumes(lane, 400.0))
            })
            .await;
        stage.set(None, "tunnel-seconds", "8").await;
        stage.press(None, "tunnel").await;
        let facts = stage
            .until("both lanes are back", |facts| {
                is_back_over(facts, SOCKET, "websocket") && is_back_over(facts, TOPICS, "webtransport")
            })
            .await;
        assert!(facts.count(SOCKET, "lost") > 0.0, "{facts:#?}");
        assert_eq!(facts.count(SOCKET, "lost"), facts.count(SOCKET, "life-missed"), "{facts:#?}");
        let facts = until_it_goes_on(stage, TOPICS, 400.0).await;
        assert_nothing_is_lost(&facts, TOPICS);
        // The same over WebTransport, and the same WebSocket resumed.
        stage.set(Some(SOCKET), "recovery", "resume").await;
        stage.set(Some(TOPICS), "recovery", "start-over").await;
        let lost_before = facts.count(SOCKET, "lost");
        until_it_goes_on(stage, TOPICS, 400.0).await;
        stage.set(None, "tunnel-seconds", "8").await;
        stage.press(None, "tunnel").await;
        let facts = stage
            .until("the other lane has started over", |facts| {
                facts.number(TOPICS, "lost").is_some_and(|lost| lost > 0.0)
                    && facts.number(SOCKET, "life-missed") == Some(0.0)
                    && is_back_over(facts, SOCKET, "websocket")
            })
            .await;
        assert_eq!(facts.count(SOCKET, "lost"), lost_before, "{facts:#?}");
        let address = stage.shown_address().await;
        assert!(
            address.contains("lane=stream-per-topic,start-over") && address.contains("hb=500,1500"),
            "{address}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_peer_is_noticed_within_interval_and_timeout() {
    on_stage("noticed", DESK, "", async |stage| {
        expect_lost_connections(stage);
        stage.expect_console_errors("WebSocket connection to");
        let lanes = [TOPICS, SOCKET];
        stage.until("both lanes consume", |facts| lanes.iter().all(|lane| facts.consumes(lane, 200.0))).await;
        stage.set(None, "heartbeat-interval", "500").await;
        stage.set(None, "heartbeat-timeout", "1500").await;
        for lane in lanes {
            until_it_goes_on(stage, lane, 400.0).await;
        }
        stage.set(None, "tunnel-seconds", "8").await;
        stage.press(None, "tunnel").await;
        let facts = stage
            .until("both lanes have noticed", |facts| {
                lanes.iter().all(|lane| facts.number(lane, "life-noticed").is_some())
            })
            .await;
        for lane in lanes {
            let noticed = facts.count(lane, "life-noticed");
            eprintln!("{lane}: a tunnel was noticed after {noticed} ms");
            // By the lane's own measure, within the tunnel; its timer may be late on a busy machine.
            assert!((1_500.0..8_000.0).contains(&noticed), "{facts:#?}");
        }
    })
    .await;
}
