//! Stories: every step of each, from its link to its last answer, with measured numbers.

use std::time::Duration;

use serde_json::json;
use sluice_tests::deadline::{eventually, patiently};
use sluice_tests::stage::{Stage, on_stage};

use crate::{DESK, HAND};

/// The stories, with the number of their steps.
const STORIES: [(&str, usize); 8] = [
    ("train", 5),
    ("silent-dashboard", 6),
    ("one-lost-packet", 4),
    ("round-trips", 5),
    ("wrong-balancer", 4),
    ("dead-or-idle", 4),
    ("inside-a-frame", 4),
    ("when-websocket-wins", 4),
];

/// Time in which a run has to come to its point or to say why it does not, with some to spare for a loaded machine.
const RUN: Duration = Duration::from_secs(90);

/// Runs of a step at most: a busy machine may show nothing at first, and says so.
const TRIES: usize = 3;

/// The state of the current step, as a visitor sees it.
const STEP: &str = r#"
    const find = (id) => document.querySelector(`[data-testid="${id}"]`);
    const control = find("story-control");
    return {
        number: find("story-step")?.dataset.value ?? "",
        hasControl: control !== null,
        isUsable: control?.getAttribute("aria-disabled") === "false",
        isRunning: control?.dataset.value === "running",
        hasQuestion: find("question") !== null,
        isAnswered: find("story-answer")?.dataset.value === "true",
        answer: find("story-answer")?.innerText ?? "",
        missed: find("story-missed")?.innerText ?? "",
        figures: [...document.querySelectorAll('[data-testid="story-figure"]')].map((each) => each.dataset.value ?? ""),
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    };
"#;

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    number: String,
    has_control: bool,
    is_usable: bool,
    is_running: bool,
    has_question: bool,
    is_answered: bool,
    answer: String,
    missed: String,
    figures: Vec<String>,
    overflow: i64,
}

async fn step(stage: &Stage) -> Step {
    serde_json::from_value(stage.browser.run(STEP, json!([])).await).expect("the state of a step")
}

/// Waits until a condition holds of the current step.
async fn until(stage: &Stage, what: &str, condition: impl Fn(&Step) -> bool) -> Step {
    patiently(RUN, what, || async { Some(step(stage).await).filter(|step| condition(step)) }).await
}

/// Uses the step's control until the answer is there; each run that shows nothing gives a reason.
async fn run_step(stage: &Stage, place: &str) -> Step {
    for _ in 0..TRIES {
        until(stage, &format!("{place}: the control can be used"), |step| step.is_usable).await;
        stage.press(None, "story-control").await;
        let ended = until(stage, &format!("{place}: the run comes to its point, or says why not"), |step| {
            !step.is_running && (step.is_answered || !step.missed.is_empty())
        })
        .await;
        if ended.is_answered {
            return ended;
        }
        assert!(ended.missed.ends_with("Run it again."), "{place}: {}", ended.missed);
    }
    panic!("{place}: {TRIES} runs did not show it: {:?}", step(stage).await);
}

async fn walk(stage: &Stage, story: &str, steps: usize) {
    for number in 1..=steps {
        let place = format!("{story}, step {number}");
        let shown =
            until(stage, &format!("{place} is shown"), |step| step.number == number.to_string()).await;
        assert!(shown.overflow <= 0, "{place} is wider than the window: {shown:?}");
        assert_eq!(shown.has_question && shown.is_answered, false, "{place}: the answer waits for a choice");
        if shown.has_question {
            stage.press(None, "option-0").await;
        }
        if shown.has_control {
            let ended = run_step(stage, &place).await;
            assert!(
                ended.figures.iter().all(|value| !value.is_empty()),
                "{place} has unmeasured figures: {ended:?}"
            );
            assert!(!ended.answer.contains('–'), "{place}: {}", ended.answer);
        }
        if number < steps {
            stage.press(None, "story-next").await;
            let address = stage.shown_address().await;
            let next = format!("?story={story}&step={}", number + 1);
            assert!(address.ends_with(&next), "{address}");
        }
    }
    stage.press(None, "story-end").await;
    eventually("the list of stories is back", || async {
        let view = stage.browser.run("return document.querySelector('main').dataset.view", json!([])).await;
        (view == json!("stories")).then_some(())
    })
    .await;
}

async fn walk_through(index: usize, size: (u32, u32)) {
    let (story, steps) = STORIES[index];
    let name = format!("story_{}", story.replace('-', "_"));
    on_stage(&name, size, &format!("?story={story}"), async |stage| {
        if story == "when-websocket-wins" {
            // The browser writes each QUIC connection that is not answered to the console.
            stage.expect_console_errors("net::ERR_");
            stage.expect_console_errors("Failed to establish a connection");
        }
        stage.resize(size.0, size.1).await;
        walk(stage, story, steps).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_train_comes_to_its_point() {
    walk_through(0, DESK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_silent_dashboard_comes_to_its_point() {
    walk_through(1, DESK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lost_packet_comes_to_its_point() {
    walk_through(2, DESK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn round_trips_come_to_their_point() {
    walk_through(3, HAND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_balancer_comes_to_its_point() {
    walk_through(4, HAND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_or_idle_comes_to_its_point() {
    walk_through(5, DESK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inside_a_frame_comes_to_its_point() {
    walk_through(6, HAND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_websocket_wins_comes_to_its_point() {
    walk_through(7, DESK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_begins_on_the_first_page_and_back_leads_there() {
    on_stage("story_back", DESK, "?view=stories", async |stage| {
        stage.resize(DESK.0, DESK.1).await;
        let lanes_before = stage.facts().await.lanes().len();
        stage.press(None, "story-train").await;
        until(stage, "the first step is shown", |step| step.number == "1").await;
        stage.press(None, "story-next").await;
        until(stage, "the second step is shown", |step| step.number == "2").await;
        for (number, what) in [("1", "back to the first step"), ("", "back to the first page")] {
            stage.browser.run("history.back(); return null", json!([])).await;
            until(stage, what, |step| step.number == number).await;
        }
        stage
            .until("the lanes from before the story run again", |facts| {
                facts.lanes().len() == lanes_before
                    && facts.lanes().iter().all(|lane| facts.consumes(lane, 100.0))
            })
            .await;
    })
    .await;
}
