//! `sluice-pictures`: takes the pictures of the page that docs/ shows, in Chromium on the release server.
//!
//! Each is taken on a desk and on a telephone, in light and dark colours: every view, and the lab under every condition
//! that a visitor may meet.
#![expect(clippy::print_stdout, reason = "it lists the files that it writes")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use clap::Parser;
use serde_json::{Value, json};
use sluice_tests::deadline::{eventually, must, patiently};
use sluice_tests::stage::{Stage, on_stage};
use sluice_tests::views::{VIEWS, show_view};
use tokio::time::sleep;

/// Names of the screens and their sizes, CSS pixels.
const SCREENS: [(&str, (u32, u32)); 2] = [("desk", (1_440, 900)), ("hand", (390, 844))];
const SCHEMES: [&str; 2] = ["light", "dark"];
/// Two lanes on a network of moderate distance, with latencies that can be seen.
const SET_UP: &str = "?net=lte";
/// Time that the timeline is filled for.
const SERIES: Duration = Duration::from_secs(12);
/// Time that the race of all policies may take: seven runs of 6 s, each with its connection.
const RACE: Duration = Duration::from_secs(150);
/// Time in which the story of the reload comes to its point: a tunnel of 4 s, and both lanes back.
const RELOAD: Duration = Duration::from_secs(20);
/// Time for the page to paint after a change of its size or colours.
const PAINT: Duration = Duration::from_millis(700);

#[derive(Debug, Parser)]
#[command(version, about = "Takes the pictures of the page for the documentation")]
struct Cli {
    /// Folder of the pictures
    #[arg(default_value = "docs/pictures")]
    folder: PathBuf,
}

/// Takes pictures of one page.
struct Camera<'a> {
    stage: &'a Stage,
    folder: &'a PathBuf,
    has_forced_colours: bool,
}

impl Camera<'_> {
    /// Takes one picture for each screen and colour scheme.
    async fn take(&self, name: &str) {
        for (screen, (width, height)) in SCREENS {
            self.stage.resize(width, height).await;
            for scheme in SCHEMES {
                self.set_colours(scheme).await;
                sleep(PAINT).await;
                let picture = json!({ "format": "webp", "quality": 70, "optimizeForSpeed": false });
                let answer = self.stage.browser.devtools("Page.captureScreenshot", picture).await;
                let image =
                    must("decoding a picture", BASE64.decode(answer["data"].as_str().unwrap_or_default()));
                let path = self.folder.join(format!("{name}-{screen}-{scheme}.webp"));
                must(&format!("writing {}", path.display()), fs::write(&path, image));
                println!("{}", path.display());
            }
        }
        let (_, (width, height)) = SCREENS[0];
        self.stage.resize(width, height).await;
    }

    async fn set_colours(&self, scheme: &str) {
        let forced = if self.has_forced_colours { "active" } else { "none" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "forced-colors", "value": forced },
        ]);
        self.stage.browser.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }
}

/// Does what fills a view that shows nothing by itself.
async fn prepare(stage: &Stage, view: &str) {
    match view {
        "trace" => {
            stage.press(None, "view-lab").await;
            stage.press(None, "scenario-silent-drop").await;
            sleep(SERIES).await;
        }
        "continuity" => {
            stage.press(None, "view-lab").await;
            stage.press(None, "scenario-clean").await;
            sleep(SERIES).await;
        }
        _ => {}
    }
}

/// Does what a view offers first, once it is shown.
async fn act(stage: &Stage, view: &str) {
    match view {
        "policies" => {
            stage.press(None, "race").await;
            patiently(RACE, "all policies have run", async || {
                let read =
                    "return document.querySelector('[data-testid=race-busy-spin]')?.dataset.state ?? ''";
                let state = stage.browser.run(read, json!([])).await;
                matches!(state.as_str(), Some("done" | "ended")).then_some(())
            })
            .await;
        }
        "inbound" => {
            stage.press(None, "flood").await;
            sleep(SERIES / 2).await;
        }
        "migration" => {
            stage.press(None, "migrate").await;
            sleep(SERIES / 2).await;
        }
        "this-browser" => {
            stage.press(None, "browser-measure").await;
            sleep(SERIES / 2).await;
        }
        _ => {}
    }
}

/// Waits until the verdict has these words.
async fn until_verdict_has(stage: &Stage, words: &str) {
    eventually(&format!("the verdict says {words:?}"), || async {
        let read = "return document.querySelector('[data-testid=verdict]')?.textContent ?? ''";
        let verdict = stage.browser.run(read, Value::Array(Vec::new())).await;
        verdict.as_str().is_some_and(|text| text.contains(words)).then_some(())
    })
    .await;
}

async fn until_both_consume(stage: &Stage) {
    let lanes = ["stream-per-topic", "websocket"];
    stage.until("both lanes consume", |facts| lanes.iter().all(|lane| facts.consumes(lane, 800.0))).await;
}

async fn take_views(folder: &PathBuf) {
    on_stage("pictures_of_views", SCREENS[0].1, SET_UP, async |stage| {
        until_both_consume(stage).await;
        sleep(SERIES).await;
        let camera = Camera { stage: &*stage, folder, has_forced_colours: false };
        for view in VIEWS {
            prepare(stage, view).await;
            show_view(stage, view).await;
            act(stage, view).await;
            camera.take(view).await;
        }
    })
    .await;
}

/// Takes the train's second step with its answer.
async fn take_story(folder: &PathBuf) {
    on_stage("pictures_of_a_story", SCREENS[0].1, "?story=train&step=2", async |stage| {
        let is = |id: &str, attribute: &str, wanted: &str| {
            let script = format!(
                "return document.querySelector('[data-testid={id}]')?.getAttribute('{attribute}') === '{wanted}'"
            );
            let stage = &*stage;
            async move { (stage.browser.run(&script, json!([])).await == json!(true)).then_some(()) }
        };
        patiently(RELOAD, "the lanes are ready", || is("story-control", "aria-disabled", "false")).await;
        stage.press(None, "option-0").await;
        stage.press(None, "story-control").await;
        patiently(RACE, "the answer is there", || is("story-answer", "data-value", "true")).await;
        Camera { stage: &*stage, folder, has_forced_colours: false }.take("story-train").await;
    })
    .await;
}

async fn take_conditions(folder: &PathBuf) {
    on_stage("pictures_of_conditions", SCREENS[0].1, SET_UP, async |stage| {
        until_both_consume(stage).await;
        let camera = Camera { stage: &*stage, folder, has_forced_colours: false };
        Camera { has_forced_colours: true, ..camera }.take("lab-forced-colours").await;
        stage.press(None, "scenario-lossy-network").await;
        sleep(SERIES).await;
        camera.take("lab-lossy-network").await;
        stage.press(None, "scenario-start-over").await;
        sleep(RELOAD).await;
        camera.take("start-over").await;
        stage.press(None, "view-lab").await;
        stage.press(None, "scenario-clean").await;
        stage.press(None, "preset-lte").await;
        sleep(SERIES / 2).await;
        stage.press(None, "tunnel").await;
        sleep(Duration::from_millis(2_500)).await;
        camera.take("lab-outage").await;
        sleep(SERIES / 2).await;
        camera.take("lab-after-outage").await;
        stage.press(None, "block-udp").await;
        until_verdict_has(stage, "UDP").await;
        camera.take("lab-udp-blocked").await;
        stage.expect_console_errors("");
        stage.server.kill().await;
        sleep(SERIES).await;
        Camera { stage: &*stage, folder, has_forced_colours: false }.take("lab-dead-server").await;
    })
    .await;
}

#[tokio::main]
async fn main() {
    let Cli { folder } = Cli::parse();
    must(&format!("making {}", folder.display()), fs::create_dir_all(&folder));
    take_story(&folder).await;
    take_views(&folder).await;
    take_conditions(&folder).await;
}
