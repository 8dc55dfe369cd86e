//! A server, a browser, and the page between them.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::deadline::{PATIENCE, eventually, must};
use crate::process::ServerProcess;
use crate::webdriver::{Browser, ConsoleLine};

/// Browsers take all the processor time they get, so one test has it at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// How often the page's facts are read while a test waits for them.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Reads every lane's facts: raw values by test id.
const READ_FACTS: &str = r#"
    const facts = {};
    for (const lane of document.querySelectorAll('[data-lane][data-testid^="lane-"]')) {
        const own = {};
        for (const fact of lane.querySelectorAll('[data-testid]')) {
            own[fact.dataset.testid] = fact.dataset.value ?? fact.value ?? null;
        }
        facts[lane.dataset.testid.slice("lane-".length)] = own;
    }
    return facts;
"#;

/// Finds an element by test id, within a lane if one is named; ends with null where there is none.
const FIND: &str = r#"
    const [lane, id] = arguments;
    const within = lane === null ? document : document.querySelector(`[data-testid="lane-${lane}"]`);
    const element = within?.querySelector(`[data-testid="${id}"]`);
    if (!element) return null;
"#;

/// A page as one test sees it.
#[derive(Debug)]
pub struct Stage {
    /// The server that the page came from.
    pub server: ServerProcess,
    /// The browser that shows it.
    pub browser: Browser,
    name: String,
    allowed: Vec<&'static str>,
    console: Vec<ConsoleLine>,
}

/// What the lanes say: raw values by lane and test id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(BTreeMap<String, BTreeMap<String, Option<String>>>);

impl Facts {
    /// The lanes' modes.
    pub fn lanes(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// A fact as text; empty when it is not there.
    pub fn text(&self, lane: &str, fact: &str) -> &str {
        self.0.get(lane).and_then(|facts| facts.get(fact)?.as_deref()).unwrap_or_default()
    }

    /// A fact as a number; `None` when it is not there, or is none.
    pub fn number(&self, lane: &str, fact: &str) -> Option<f64> {
        self.text(lane, fact).parse().ok()
    }

    /// A fact that has to be a number.
    ///
    /// # Panics
    /// It is not there, or is none.
    pub fn count(&self, lane: &str, fact: &str) -> f64 {
        match self.number(lane, fact) {
            Some(number) => number,
            None => panic!("{lane} has no number {fact}: {:?}", self.0.get(lane)),
        }
    }

    /// Whether a lane is open and has consumed at least `messages` messages.
    pub fn consumes(&self, lane: &str, messages: f64) -> bool {
        self.text(lane, "state") == "open"
            && self.number(lane, "consumed").is_some_and(|count| count >= messages)
    }
}

/// Runs a test in a window of `width` × `height`, on a page with the set-up `query`, or in the lab if that is empty; keeps a screenshot, the console
/// and the server's log under `tests/artifacts` if it fails.
///
/// # Panics
/// The test fails, the browser's console has an error, or the server has logged one.
pub async fn on_stage(name: &str, size: (u32, u32), query: &str, test: impl AsyncFnOnce(&mut Stage)) {
    on_stage_of(&[], name, size, query, test).await;
}

/// The same with a server that is started with `args`.
///
/// # Panics
/// As [`on_stage`].
pub async fn on_stage_of(
    args: &[&str],
    name: &str,
    (width, height): (u32, u32),
    query: &str,
    test: impl AsyncFnOnce(&mut Stage),
) {
    let _alone = ALONE.lock().await;
    let server = ServerProcess::start(args).await;
    let browser = Browser::start(width, height).await;
    let mut stage = Stage { server, browser, name: name.into(), allowed: Vec::new(), console: Vec::new() };
    let run = async {
        let query = if query.is_empty() { "?view=lab" } else { query };
        stage.browser.open(&stage.address(query)).await;
        test(&mut stage).await;
        stage.assert_quiet().await;
    };
    let outcome = AssertUnwindSafe(run).catch_unwind().await;
    if let Err(panic) = outcome {
        stage.keep_evidence(&*panic).await;
        stage.browser.quit().await;
        resume_unwind(panic);
    }
    stage.browser.quit().await;
}

impl Stage {
    /// The page's address with a set-up.
    pub fn address(&self, query: &str) -> String {
        format!("http://{}/{query}", self.server.http)
    }

    /// Where the server is.
    pub const fn http(&self) -> SocketAddr {
        self.server.http
    }

    /// Takes errors of the console that contain `text` as expected.
    pub fn expect_console_errors(&mut self, text: &'static str) {
        self.allowed.push(text);
    }

    /// What the lanes say now.
    ///
    /// # Panics
    /// The browser has gone.
    pub async fn facts(&self) -> Facts {
        let facts = self.browser.run(READ_FACTS, json!([])).await;
        Facts(must("reading the page's facts", serde_json::from_value(facts)))
    }

    /// Waits until the lanes say what `condition` wants, and returns what they said.
    ///
    /// # Panics
    /// They do not within [`PATIENCE`]; the panic says `what` was waited for and what they said last.
    pub async fn until(&self, what: &str, condition: impl Fn(&Facts) -> bool) -> Facts {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let facts = self.facts().await;
            if condition(&facts) {
                return facts;
            }
            assert!(Instant::now() < give_up, "waited {PATIENCE:?} in vain until {what}: {facts:#?}");
            sleep(LOOK_EVERY).await;
        }
    }

    /// Sets an input or select of a lane, or of the page, as a user would, as soon as there is one.
    ///
    /// # Panics
    /// There is none, or it does not take the value.
    pub async fn set(&self, lane: Option<&str>, id: &str, value: &str) {
        let script = r#"
            const prototype = Object.getPrototypeOf(element);
            Object.getOwnPropertyDescriptor(prototype, "value").set.call(element, arguments[2]);
            element.dispatchEvent(new Event("input", { bubbles: true }));
            element.dispatchEvent(new Event("change", { bubbles: true }));
            return element.value;"#;
        let now = self.with_element(lane, id, script, value).await;
        assert_eq!(now, json!(value), "{id} does not take the value");
    }

    /// Presses a button of a lane, or of the page, as soon as there is one.
    ///
    /// # Panics
    /// There is none.
    pub async fn press(&self, lane: Option<&str>, id: &str) {
        self.with_element(lane, id, "element.click();", "").await;
    }

    /// The raw value of a fact outside the lanes; empty when it has none.
    ///
    /// # Panics
    /// There is no such element.
    pub async fn fact(&self, id: &str) -> String {
        let value = self.with_element(None, id, "return element.dataset.value ?? '';", "").await;
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Runs a function body with an `element` as soon as that is there: a page shows nothing before its program has begun,
    /// and that is later than it counts as loaded.
    async fn with_element(&self, lane: Option<&str>, id: &str, body: &str, argument: &str) -> Value {
        let script = format!("{FIND} return [(() => {{ {body} }})() ?? null];");
        let what = format!("there is {id} in {}", lane.unwrap_or("the page"));
        eventually(&what, || async {
            let mut done = self.browser.run(&script, json!([lane, id, argument])).await;
            (!done.is_null()).then(|| done[0].take())
        })
        .await
    }

    /// The address that the page shows.
    ///
    /// # Panics
    /// The browser has gone.
    pub async fn shown_address(&self) -> String {
        self.browser.run("return location.href", json!([])).await.as_str().unwrap_or_default().to_owned()
    }

    /// Prefers `light` or `dark` colours, as the visitor's system would.
    ///
    /// # Panics
    /// The browser has gone.
    pub async fn prefer_colours(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.browser.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Shows the page on a screen of `width` × `height` CSS pixels.
    ///
    /// # Panics
    /// The browser has gone.
    pub async fn resize(&self, width: u32, height: u32) {
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.browser.devtools("Emulation.setDeviceMetricsOverride", screen).await;
    }

    /// Writes a screenshot to `tests/artifacts/<name>.png`.
    ///
    /// # Panics
    /// It cannot be made or written.
    pub async fn keep_screenshot(&self, name: &str) -> PathBuf {
        let path = artifacts().join(format!("{name}.png"));
        let image = self.browser.screenshot().await;
        must("writing a screenshot", fs::create_dir_all(artifacts()).and_then(|()| fs::write(&path, image)));
        path
    }

    /// Errors of the console, those that are expected left out.
    async fn console_errors(&mut self) -> Vec<ConsoleLine> {
        self.console.extend(self.browser.console().await);
        let is_expected = |line: &ConsoleLine| self.allowed.iter().any(|text| line.text.contains(text));
        self.console.iter().filter(|line| line.level == "SEVERE" && !is_expected(line)).cloned().collect()
    }

    async fn assert_quiet(&mut self) {
        let errors = self.console_errors().await;
        assert!(errors.is_empty(), "errors in the browser's console: {errors:#?}");
        assert_eq!(self.server.log().errors(), Vec::<String>::new(), "the server logged errors");
    }

    /// Keeps what may explain a failure. Nothing here may fail the test another way.
    async fn keep_evidence(&mut self, panic: &(dyn Any + Send)) {
        let folder = artifacts().join(&self.name);
        if let Err(error) = fs::create_dir_all(&folder) {
            eprintln!("{} cannot be made: {error}", folder.display());
            return;
        }
        let keep = |name: &str, bytes: &[u8]| {
            if let Err(error) = fs::write(folder.join(name), bytes) {
                eprintln!("{name} cannot be kept: {error}");
            }
        };
        let why =
            panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
        keep("failure.txt", why.unwrap_or("not told").as_bytes());
        keep("server.log", self.server.log().lines().join("\n").as_bytes());
        // A browser that has gone panics when asked; what the server said is kept by then.
        let evidence = async {
            let image = self.browser.screenshot().await;
            self.console.extend(self.browser.console().await);
            let lines = self.console.iter().map(|line| format!("{} {}", line.level, line.text));
            let page =
                self.browser.run("return document.documentElement.outerHTML", Value::Array(vec![])).await;
            (image, lines.collect::<Vec<_>>().join("\n"), page)
        };
        if let Ok((image, console, page)) = AssertUnwindSafe(evidence).catch_unwind().await {
            keep("page.png", &image);
            keep("console.log", console.as_bytes());
            keep("page.html", page.as_str().unwrap_or_default().as_bytes());
        }
        eprintln!("what may explain the failure lies in {}", folder.display());
    }
}

/// The folder of what failed tests leave, and of screenshots.
pub fn artifacts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts")
}
