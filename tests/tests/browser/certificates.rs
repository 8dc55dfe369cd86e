//! Certificates on the page: clean where the protocol keeps its word, broken where a naive page or server does not.

use serde_json::Value;
use sluice_tests::deadline::{PATIENCE, patiently};
use sluice_tests::stage::{Stage, on_stage};

use crate::DESK;

/// The certificate of the lane at `position` from the top, as its button copies it.
async fn json(stage: &Stage, position: usize) -> Value {
    let script = r#"
        const card = document.querySelector(`[data-testid="certificate-${arguments[0]}"]`);
        return card?.querySelector('[data-testid="certificate-json"]')?.dataset.value ?? "";
    "#;
    let text = stage.browser.run(script, serde_json::json!([position])).await;
    serde_json::from_str(text.as_str().unwrap_or_default()).unwrap_or(Value::Null)
}

/// Asks for certificates until the one of the lane at `position` is as wanted.
pub(crate) async fn until_certified(
    stage: &Stage,
    position: usize,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    patiently(PATIENCE, what, async || {
        stage.press(None, "certify").await;
        Some(json(stage, position).await).filter(&wanted)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lane_is_certified_and_both_digests_agree() {
    let query = "?lane=websocket&lane=stream-per-topic&lane=stream-per-message&lane=datagrams";
    on_stage("certificates", DESK, query, async |stage| {
        stage
            .until("every lane consumes", |facts| {
                facts.lanes().len() == 4 && facts.lanes().iter().all(|lane| facts.consumes(lane, 100.0))
            })
            .await;
        stage.press(None, "view-continuity").await;
        for position in 0..4 {
            let whole = |certificate: &Value| certificate["produced"].as_u64() > Some(400);
            let certificate = until_certified(stage, position, "the lane is certified", whole).await;
            // A busy machine may lose datagrams, each of which then lies in a gap.
            if position < 3 {
                assert_eq!(certificate["verdict"], "continuous", "{certificate:#}");
                assert_eq!(certificate["produced"], certificate["consumed"], "{certificate:#}");
                assert_eq!(stage.fact(&format!("certificate-{position}")).await, "continuous");
            }
            assert_eq!(certificate["digest_server"], certificate["digest_client"], "{certificate:#}");
            assert_eq!((&certificate["lost"], &certificate["duplicates"]), (&0.into(), &0.into()));
            // Eight topics, and the server's machine.
            assert_eq!(certificate["streams"].as_array().map(Vec::len), Some(9), "{certificate:#}");
        }
        stage.keep_screenshot("certificates").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_starts_over_is_told_what_it_lost_and_the_one_that_resumes_lost_nothing() {
    let query = "?lane=websocket,start-over&lane=websocket-stream";
    on_stage("certificates_start_over", DESK, query, async |stage| {
        stage
            .until("both lanes consume", |facts| {
                facts.consumes("websocket", 200.0) && facts.consumes("websocket-stream", 200.0)
            })
            .await;
        stage.press(None, "view-continuity").await;
        // Connections die with the address that they came from.
        stage.press(None, "switch-network").await;
        let is_second = |certificate: &Value| certificate["connections"] == 2;
        let mut certified = Vec::new();
        for position in 0..2 {
            let first =
                until_certified(stage, position, "the second connection is certified", is_second).await;
            // That one may have been on the way when the first connection died: its cut lies before.
            let goal = first["produced"].as_u64().unwrap_or_default() + 400;
            let beyond = |certificate: &Value| certificate["produced"].as_u64() > Some(goal);
            certified.push(until_certified(stage, position, "what came after is certified", beyond).await);
        }
        let [naive, fixed] = &certified[..] else { panic!("two lanes") };
        assert_eq!(
            (naive["verdict"].as_str(), fixed["verdict"].as_str()),
            (Some("broken"), Some("continuous"))
        );
        assert!(naive["lost"].as_u64() > Some(0), "{naive:#}");
        assert_ne!(naive["digest_server"], naive["digest_client"], "{naive:#}");
        assert!(stage.fact("certificate-lost").await.parse::<u64>().is_ok_and(|lost| lost > 0));
    })
    .await;
}
