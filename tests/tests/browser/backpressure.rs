//! Failures beside their fixes, and the trace that explains them.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use sluice_tests::deadline::{must, patiently};
use sluice_tests::stage::{Stage, on_stage};

use crate::DESK;

/// How long a policy race may take: seven runs of 6 s, each with its connection.
const RACE: Duration = Duration::from_secs(150);

/// The steps of a lane's trace, from the top: what, when, and in which words.
const STEPS: &str = r#"
    return [...document.querySelectorAll(`[data-testid="trace-${arguments[0]}"] .trace button`)].map((each) => ({
        kind: each.dataset.testid.replace("step-", ""), at: +each.dataset.value, text: each.textContent,
    }));
"#;

/// Figures of a policy in the race; without a state while the view is being loaded.
const FIGURES: &str = r#"
    const row = document.querySelector(`[data-testid="race-${arguments[0]}"]`);
    if (!row) return { state: "", words: "" };
    const of = (id) => +(row.querySelector(`[data-testid="race-${id}"]`)?.dataset.value ?? NaN);
    return { state: row.dataset.state, consumed: of("consumed"), gaps: of("gaps"), lost: of("lost"),
             server: of("server"), core: of("core"), words: row.querySelector(".words").textContent };
"#;

#[derive(Clone, Debug, Deserialize)]
struct Step {
    kind: String,
    at: f64,
    text: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Figures {
    state: String,
    consumed: Option<f64>,
    gaps: Option<f64>,
    lost: Option<f64>,
    server: Option<f64>,
    core: Option<f64>,
    words: String,
}

async fn steps(stage: &Stage, lane: usize) -> Vec<Step> {
    must("reading a trace", serde_json::from_value(stage.browser.run(STEPS, json!([lane])).await))
}

async fn figures(stage: &Stage, policy: &str) -> Figures {
    must("reading figures", serde_json::from_value(stage.browser.run(FIGURES, json!([policy])).await))
}

/// Waits until a lane's trace has all these steps.
async fn until_traced(stage: &Stage, lane: usize, kinds: &[&str]) -> Vec<Step> {
    patiently(Duration::from_secs(60), "the trace tells the story", async || {
        let steps = steps(stage, lane).await;
        let is_told = kinds.iter().all(|kind| steps.iter().any(|step| step.kind == *kind));
        is_told.then_some(steps)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_drops_are_traced_from_the_slow_consumer_to_the_holes_beside_a_lane_that_is_told() {
    on_stage("silent_drops", DESK, "", async |stage| {
        stage.press(None, "scenario-silent-drop").await;
        let silent = until_traced(stage, 0, &["consumer", "send-buffer", "silent", "holes"]).await;
        let told = until_traced(stage, 1, &["consumer", "credit", "reported"]).await;
        let at = |kind: &str| silent.iter().find(|step| step.kind == kind).map_or(f64::NAN, |step| step.at);
        assert!(at("consumer") < at("send-buffer") && at("silent") <= at("holes"), "{silent:#?}");
        assert!(silent.windows(2).all(|pair| pair[0].at <= pair[1].at), "{silent:#?}");
        assert!(silent.iter().all(|step| step.kind != "reported" && step.kind != "credit"), "{silent:#?}");
        assert!(told.iter().all(|step| step.kind != "holes" && step.kind != "silent"), "{told:#?}");
        assert!(told.iter().any(|step| step.text.contains("dropped-oldest")), "{told:#?}");
        // A step marks its moment.
        stage.press(None, "step-holes").await;
        let pressed = "return document.querySelector(`[data-testid=step-holes]`).ariaPressed";
        assert_eq!(stage.browser.run(pressed, json!([])).await, json!("true"));
        // The next story gives the second lane its own mode back.
        stage.press(None, "view-lab").await;
        stage.press(None, "scenario-clean").await;
        stage
            .until("both modes are there again", |facts| facts.lanes() == ["stream-per-topic", "websocket"])
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policies_race_and_only_the_exhibits_lose_or_hoard() {
    on_stage("policy_race", DESK, "", async |stage| {
        stage.until("both lanes are there", |facts| facts.lanes().len() == 2).await;
        let set_up = async || {
            let address = stage.shown_address().await;
            address.split("&view").next().unwrap_or_default().to_owned()
        };
        let before = set_up().await;
        stage.press(None, "scenario-race").await;
        patiently(RACE, "all policies have run", async || {
            let last = figures(stage, "busy-spin").await;
            matches!(last.state.as_str(), "done" | "ended").then_some(())
        })
        .await;
        assert_eq!(set_up().await, before, "a race has a feed of its own");
        let [lossless, latest, oldest, newest] = [
            figures(stage, "lossless").await,
            figures(stage, "latest").await,
            figures(stage, "drop-oldest").await,
            figures(stage, "drop-newest").await,
        ];
        for fair in [&lossless, &latest, &oldest, &newest] {
            assert_eq!(fair.lost, Some(0.0), "{fair:?}");
            assert!(fair.consumed > Some(100.0) && fair.state == "done", "{fair:?}");
        }
        for dropping in [&latest, &oldest, &newest] {
            assert!(dropping.gaps > Some(0.0) && dropping.words.contains("last gap: stream"), "{dropping:?}");
        }
        let [unbounded, silent, spin] = [
            figures(stage, "unbounded").await,
            figures(stage, "silent-drop").await,
            figures(stage, "busy-spin").await,
        ];
        assert!(silent.lost > Some(0.0) && silent.gaps == Some(0.0), "{silent:?}");
        assert!(unbounded.server > lossless.server.map(|bytes| 4.0 * bytes), "{unbounded:?} {lossless:?}");
        assert!(spin.core > lossless.core.map(|share| 3.0 * share), "{spin:?} {lossless:?}");
    })
    .await;
}
