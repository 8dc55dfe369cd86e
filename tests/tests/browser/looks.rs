//! How the page looks: on a desk and in a hand, in light and in dark.

use serde_json::json;
use sluice_tests::stage::{Stage, on_stage};

use crate::{DESK, HAND};

const BACKGROUND: &str = r#"
    const colour = (element) => getComputedStyle(element).backgroundColor.match(/[\d.]+/g).map(Number);
    const body = colour(document.body);
    const seen = body.length === 4 && body[3] === 0 ? colour(document.documentElement) : body;
    return 0.2126 * seen[0] + 0.7152 * seen[1] + 0.0722 * seen[2];
"#;

async fn until_it_runs(stage: &Stage) {
    stage
        .until("both lanes consume", |facts| {
            ["stream-per-topic", "websocket"].iter().all(|lane| facts.consumes(lane, 800.0))
        })
        .await;
}

async fn luminance(stage: &Stage) -> f64 {
    stage.browser.run(BACKGROUND, json!([])).await.as_f64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn colours_follow_the_visitors_wish() {
    on_stage("themes", DESK, "", async |stage| {
        until_it_runs(stage).await;
        stage.prefer_colours("light").await;
        let light = luminance(stage).await;
        stage.prefer_colours("dark").await;
        let dark = luminance(stage).await;
        assert!(light > 200.0 && dark < 60.0, "light {light}, dark {dark}");
        // The switch overrules the system, and a reload remembers it.
        let mut seen = Vec::new();
        for _ in 0..3 {
            stage.press(None, "theme").await;
            seen.push((stage.fact("theme").await, luminance(stage).await > 128.0));
        }
        assert!(seen.iter().any(|(name, is_light)| name == "light" && *is_light), "{seen:?}");
        assert!(seen.iter().any(|(name, is_light)| name == "dark" && !*is_light), "{seen:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn screenshots() {
    on_stage("screenshots", DESK, "?lane=websocket,sleep:5ms&lane=stream-per-topic", async |stage| {
        stage
            .until("the slow lane tells its story", |facts| {
                facts.number("websocket", "hop-backlog").is_some_and(|backlog| backlog > 800.0)
            })
            .await;
        for (name, (width, height)) in [("desk", DESK), ("hand", HAND)] {
            stage.resize(width, height).await;
            for scheme in ["light", "dark"] {
                stage.prefer_colours(scheme).await;
                // A few frames, so that the canvases are drawn in the new colours and size.
                let frames = "const done = arguments[arguments.length - 1]; let left = 10; \
                              const step = () => (--left ? requestAnimationFrame(step) : done()); step();";
                stage.browser.run_async(frames).await;
                let path = stage.keep_screenshot(&format!("{name}-{scheme}")).await;
                let size = std::fs::metadata(&path).expect("it was written").len();
                assert!(size > 20_000, "{} is nearly empty", path.display());
            }
        }
    })
    .await;
}
