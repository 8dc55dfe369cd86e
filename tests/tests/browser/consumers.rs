//! One consumer is slowed: its lane shows where the data waits, and the other lane is left alone.

use sluice_tests::stage::{Facts, Stage, on_stage};

use crate::DESK;

const LANES: [&str; 2] = ["stream-per-topic", "websocket"];

async fn until_both_consume(stage: &Stage) -> Facts {
    stage.until("both lanes consume", |facts| LANES.iter().all(|lane| facts.consumes(lane, 800.0))).await
}

/// Slows the consumer of `slow` and checks both lanes.
async fn slow_down(stage: &Stage, slow: &str, work: &str) {
    let other = LANES.into_iter().find(|lane| *lane != slow).expect("there are two");
    until_both_consume(stage).await;
    stage.set(Some(slow), "consumer-work", work).await;
    stage.set(Some(slow), "consumer-delay", "5").await;
    // 200 messages a second of more than 400 can be consumed: the rest waits in the hub.
    stage
        .until("the hub holds what the slow lane cannot take", |facts| {
            facts.number(slow, "hop-backlog").is_some_and(|backlog| backlog >= 300.0)
        })
        .await;
    let mut most = 0f64;
    for _ in 0..20 {
        let facts = stage.facts().await;
        let (inbox, window) = (facts.count(slow, "hop-inbox"), facts.count(slow, "credit-window"));
        assert!(inbox <= window, "{slow} holds {inbox} with a window of {window}");
        most = most.max(inbox);
    }
    assert!(most > 0.0, "nothing waits in the inbox of {slow}");
    // The latency of what was published before the reset counts no more.
    let consumed = stage.facts().await.count(other, "consumed");
    stage.press(None, "reset").await;
    stage.until("the count begins anew", |facts| facts.count(other, "consumed") < consumed).await;
    let facts = stage
        .until("latencies are told again", |facts| {
            let is_measured = |lane| facts.number(lane, "age-p50").is_some();
            facts.consumes(slow, 200.0)
                && facts.consumes(other, 800.0)
                && is_measured(slow)
                && is_measured(other)
        })
        .await;
    let (slowed, untouched) = (facts.count(slow, "age-p50"), facts.count(other, "age-p99"));
    assert!(untouched * 3.0 < slowed, "p99 of {other} is {untouched} µs beside {slow} with p50 {slowed} µs");
    assert_eq!(facts.count(slow, "lost") + facts.count(other, "lost"), 0.0, "{facts:#?}");
    assert!(facts.count(other, "hop-backlog") < facts.count(slow, "hop-backlog"), "{facts:#?}");

    // And back: what waits drains.
    stage.set(Some(slow), "consumer-delay", "0").await;
    stage
        .until("the backlog drains", |facts| {
            facts.number(slow, "hop-backlog").is_some_and(|backlog| backlog < 100.0)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_websocket_consumer_leaves_the_other_lane_alone() {
    on_stage("slow_websocket", DESK, "", async |stage| slow_down(stage, "websocket", "sleep").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_webtransport_consumer_leaves_the_other_lane_alone() {
    on_stage("slow_webtransport", DESK, "", async |stage| {
        slow_down(stage, "stream-per-topic", "sleep").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_consumer_leaves_the_other_lane_alone() {
    on_stage("busy", DESK, "", async |stage| slow_down(stage, "websocket", "busy").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_window_bounds_the_inbox() {
    let query = "?lane=websocket,sleep:5ms,window:16&lane=stream-per-topic,sleep:5ms,window:16";
    on_stage("fixed_window", DESK, query, async |stage| {
        stage
            .until("both inboxes fill", |facts| {
                LANES.iter().all(|lane| facts.number(lane, "hop-inbox").is_some_and(|inbox| inbox >= 8.0))
            })
            .await;
        for _ in 0..20 {
            let facts = stage.facts().await;
            for lane in LANES {
                assert_eq!(facts.count(lane, "credit-window"), 16.0, "{facts:#?}");
                assert!(facts.count(lane, "hop-inbox") <= 16.0, "{facts:#?}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropping_policy_shows_its_gaps() {
    let query =
        "?lane=websocket,sleep:5ms,policy:drop-oldest:16&lane=stream-per-topic,sleep:5ms,policy:latest";
    on_stage("policies", DESK, query, async |stage| {
        let facts = stage
            .until("both lanes show gaps and latencies", |facts| {
                LANES.iter().all(|lane| {
                    facts.number(lane, "gaps").is_some_and(|gaps| gaps > 100.0)
                        && facts.number(lane, "age-p50").is_some()
                })
            })
            .await;
        assert!(facts.count("websocket", "hop-policy-queue") <= 16.0, "{facts:#?}");
        assert!(LANES.iter().all(|lane| facts.count(lane, "lost") == 0.0), "{facts:#?}");
        assert!(LANES.iter().all(|lane| facts.count(lane, "age-p50") < 2_000_000.0), "{facts:#?}");
    })
    .await;
}
