//! A page that floods the server: what waits where, and what still passes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use sluice_tests::deadline::{must, patiently};
use sluice_tests::stage::{Stage, on_stage};

use crate::DESK;

const LANES: [&str; 2] = ["stream-per-topic", "websocket"];
/// What the panel floods with when nothing else is chosen, bytes.
const FLOOD: f64 = 8_000_000.0;
/// 8 MB at 10 Mbit/s take 7 s each way at least.
const LONG: Duration = Duration::from_secs(90);

/// Raw values of one lane's part of the panel, by test id.
const FIGURES: &str = r#"
    const figures = {};
    const lane = document.querySelector(`[data-testid="inbound-${arguments[0]}"]`);
    for (const figure of lane?.querySelectorAll("[data-testid]") ?? []) {
        const value = figure.dataset.value;
        figures[figure.dataset.testid] = value === undefined ? null : Number(value);
    }
    return figures;
"#;
const IS_FLOODING: &str =
    r#"return document.querySelector('[data-testid="flood"]').dataset.value === "true""#;

/// A figure that is not known yet is `None`.
type Figures = BTreeMap<String, Option<f64>>;

async fn figures(stage: &Stage, lane: &str) -> Figures {
    must("reading the panel", serde_json::from_value(stage.browser.run(FIGURES, json!([lane])).await))
}

/// A figure; no number compares with one that is not known yet.
fn figure(figures: &Figures, id: &str) -> f64 {
    match figures.get(id) {
        Some(value) => value.unwrap_or(f64::NAN),
        None => panic!("there is no {id}: {figures:?}"),
    }
}

/// Waits until `condition` holds for the figures of `lane`.
async fn until(stage: &Stage, lane: &str, what: &str, condition: impl Fn(&Figures) -> bool) -> Figures {
    patiently(LONG, what, async || Some(figures(stage, lane).await).filter(&condition)).await
}

/// Floods in `style`, waits until both lanes have all of it back, and until the heartbeats that left under it are.
async fn flood(stage: &Stage, style: &str) -> BTreeMap<&'static str, Figures> {
    stage.press(None, &format!("choose-{style}")).await;
    stage.press(None, "flood").await;
    let mut seen = BTreeMap::new();
    for lane in LANES {
        until(stage, lane, "the flood has begun", |figures| {
            (1.0..FLOOD).contains(&figure(figures, "inbound-echoed"))
        })
        .await;
    }
    for lane in LANES {
        let what = format!("{lane} has everything back");
        until(stage, lane, &what, |figures| figure(figures, "inbound-echoed") >= FLOOD).await;
    }
    patiently(LONG, "the floods are over", async || {
        (stage.browser.run(IS_FLOODING, json!([])).await == json!(false)).then_some(())
    })
    .await;
    for lane in LANES {
        // A heartbeat that is late is told as it is until it is back.
        let calm = until(stage, lane, "heartbeats are prompt again", |figures| {
            figure(figures, "inbound-heartbeat") < 1_000_000.0
        });
        seen.insert(lane, calm.await);
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_holds_up_a_connection_that_everything_shares_and_kills_none() {
    on_stage("inbound", DESK, "?lane=websocket&lane=stream-per-topic", async |stage| {
        stage.until("both lanes consume", |facts| LANES.iter().all(|lane| facts.consumes(lane, 200.0))).await;
        stage.press(None, "view-inbound").await;
        stage.press(None, "inbound-network").await;
        stage
            .until("both lanes feel the network", |facts| {
                LANES.iter().all(|lane| facts.number(lane, "age-p99").is_some_and(|age| age > 20_000.0))
            })
            .await;
        let naive = flood(stage, "naive").await;
        let paced = flood(stage, "paced").await;
        let credit = flood(stage, "credit").await;
        let of = |seen: &BTreeMap<_, Figures>, lane: &str, id| figure(&seen[lane], id);

        for lane in LANES {
            let most = of(&naive, lane, "inbound-most-buffered");
            assert!(most > 1e6, "{lane}: {most} bytes waited in the browser");
            assert_eq!(of(&naive, lane, "inbound-ready-waits"), 0.0, "{lane}: a naive flood asks nobody");
            for careful in [&paced, &credit] {
                let most = of(careful, lane, "inbound-most-buffered");
                assert!(most <= 131_072.0, "{lane}: {most} bytes waited in the browser");
                assert!(of(careful, lane, "inbound-ready-waits") > 0.0, "{lane}");
            }
        }
        let [behind, beside] =
            ["websocket", "stream-per-topic"].map(|lane| of(&naive, lane, "inbound-story"));
        let by_credit = of(&credit, "websocket", "inbound-story");
        assert!(behind > 2e6, "a heartbeat behind 8 MB at 10 Mbit/s took {behind} µs");
        assert!(beside * 4.0 < behind, "on a stream of its own {beside} µs, behind the flood {behind} µs");
        assert!(by_credit * 4.0 < behind, "by credit {by_credit} µs, behind the flood {behind} µs");
        let facts = stage.facts().await;
        for lane in LANES {
            assert_eq!(
                (facts.count(lane, "reconnects"), facts.count(lane, "lost")),
                (0.0, 0.0),
                "{facts:#?}"
            );
        }
        stage.keep_screenshot("inbound").await;
    })
    .await;
}
