//! Chromium by the WebDriver protocol (W3C WebDriver, and ChromeDriver's own additions).

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::deadline::{in_time, must};
use crate::http;

/// How often ChromeDriver is started before a test gives up.
const MOST_DRIVER_STARTS: usize = 10;

/// A browser with one window, run by a driver of its own; both end when it is dropped.
#[derive(Debug)]
pub struct Browser {
    _driver: Child,
    driver_at: SocketAddr,
    session: String,
    profile: std::path::PathBuf,
}

/// A line of the browser's console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleLine {
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub level: String,
    /// What it says.
    pub text: String,
}

impl Browser {
    /// Starts ChromeDriver (`CHROMEDRIVER`) and Chromium (`CHROMIUM`) with a fresh profile.
    ///
    /// # Panics
    /// One of them is missing or does not start.
    pub async fn start(width: u32, height: u32) -> Self {
        let driver = named_program("CHROMEDRIVER", "/usr/bin/chromedriver");
        let chromium = named_program("CHROMIUM", "/usr/bin/chromium");
        let (driver, port) = start_driver(&driver).await;
        let driver_at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let profile = fresh_profile();
        let capabilities = capabilities(&chromium, &profile, width, height);
        let answer = call(driver_at, Method::POST, "/session", &capabilities).await;
        let session = answer["sessionId"].as_str().unwrap_or_default().to_owned();
        assert!(!session.is_empty(), "Chromium did not start: {answer}");
        Self { _driver: driver, driver_at, session, profile }
    }

    /// Opens a page and waits until it has loaded.
    ///
    /// # Panics
    /// It cannot be opened.
    pub async fn open(&self, url: &str) {
        self.post("url", &json!({ "url": url })).await;
    }

    /// Loads the page again.
    ///
    /// # Panics
    /// It cannot be loaded.
    pub async fn reload(&self) {
        self.post("refresh", &json!({})).await;
    }

    /// Goes back to the page before, as the Back button does.
    ///
    /// # Panics
    /// The browser has gone.
    pub async fn back(&self) {
        self.post("back", &json!({})).await;
    }

    /// Runs a function body in the page and returns what it returns; `arguments` are its arguments.
    ///
    /// # Panics
    /// It throws.
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        self.post("execute/sync", &json!({ "script": script, "args": arguments })).await
    }

    /// Runs a function body in the page and waits until it calls its last argument.
    ///
    /// # Panics
    /// It throws, or never calls it.
    pub async fn run_async(&self, script: &str) -> Value {
        self.post("execute/async", &json!({ "script": script, "args": [] })).await
    }

    /// What the window shows, as PNG.
    ///
    /// # Panics
    /// There is nothing to show.
    pub async fn screenshot(&self) -> Vec<u8> {
        let image = self.send(Method::GET, "screenshot", &Value::Null).await;
        must("decoding the screenshot", BASE64.decode(image.as_str().unwrap_or_default()))
    }

    /// Opens another tab in the foreground, which hides the page.
    ///
    /// # Panics
    /// It cannot be opened.
    pub async fn hide_behind_new_tab(&self) -> String {
        let page = self.send(Method::GET, "window", &Value::Null).await;
        let tab = self.post("window/new", &json!({ "type": "tab" })).await;
        self.post("window", &json!({ "handle": tab["handle"] })).await;
        page.as_str().unwrap_or_default().to_owned()
    }

    /// Closes the tab in the foreground and comes back to `page`.
    ///
    /// # Panics
    /// There is no such page.
    pub async fn come_back_to(&self, page: &str) {
        self.send(Method::DELETE, "window", &Value::Null).await;
        self.post("window", &json!({ "handle": page })).await;
    }

    /// Carries out a command of the DevTools protocol.
    ///
    /// # Panics
    /// It fails.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await
    }

    /// Takes the console's lines since the last call.
    ///
    /// # Panics
    /// The browser has gone.
    pub async fn console(&self) -> Vec<ConsoleLine> {
        let lines = self.post("se/log", &json!({ "type": "browser" })).await;
        let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let line = |line: &Value| ConsoleLine { level: text(line, "level"), text: text(line, "message") };
        lines.as_array().map(|lines| lines.iter().map(line).collect()).unwrap_or_default()
    }

    /// Ends the browser in good order.
    pub async fn quit(self) {
        // A browser that has gone already is what is wanted.
        let path = format!("/session/{}", self.session);
        let _gone = http::send(self.driver_at, Method::DELETE, &path, &[], Bytes::new()).await;
        let _left = std::fs::remove_dir_all(&self.profile);
    }

    async fn post(&self, command: &str, body: &Value) -> Value {
        self.send(Method::POST, command, body).await
    }

    async fn send(&self, method: Method, command: &str, body: &Value) -> Value {
        call(self.driver_at, method, &format!("/session/{}/{command}", self.session), body).await
    }
}

/// Sends a command to the driver and returns its value; panics with the driver's own words if it fails.
async fn call(driver: SocketAddr, method: Method, path: &str, body: &Value) -> Value {
    let headers = [("content-type", "application/json; charset=utf-8")];
    let body = if method == Method::POST { Bytes::from(body.to_string()) } else { Bytes::new() };
    let answer = in_time(path, http::send(driver, method, path, &headers, body)).await;
    let answer = must("asking ChromeDriver", answer);
    let mut value: Value = must("reading ChromeDriver's answer", answer.json());
    let value = value["value"].take();
    assert!(answer.status == 200, "{path}: {}: {}", value["error"], value["message"]);
    value
}

fn capabilities(chromium: &Path, profile: &Path, width: u32, height: u32) -> Value {
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "goog:loggingPrefs": { "browser": "ALL" },
        "goog:chromeOptions": {
            "binary": chromium,
            "args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                format!("--window-size={width},{height}"),
                format!("--user-data-dir={}", profile.display()),
            ],
        },
    } } })
}

/// A folder that no other browser of this machine uses.
fn fresh_profile() -> std::path::PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("sluice-chromium-{}-{number}", std::process::id()));
    must("making a browser profile", std::fs::create_dir_all(&folder));
    folder
}

fn named_program(variable: &str, usual: &str) -> std::path::PathBuf {
    let path = env::var_os(variable).map_or_else(|| usual.into(), std::path::PathBuf::from);
    assert!(path.is_file(), "{} is missing: install it, or name it in {variable}", path.display());
    path
}

/// Starts ChromeDriver at a port that the system chooses.
///
/// It has the port chosen for IPv6 and then wants the same one for IPv4: where a socket of ours has that already, it
/// says "IPv4 port not available" and ends. Another try gets another port.
async fn start_driver(program: &Path) -> (Child, u16) {
    let mut command = Command::new(program);
    command
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut last_words = String::new();
    for _ in 0..MOST_DRIVER_STARTS {
        let mut driver = must("starting ChromeDriver", command.spawn());
        let output = must("reading ChromeDriver's output", driver.stdout.take().ok_or("there is none"));
        match in_time("ChromeDriver is ready", driver_port(output)).await {
            Ok(port) => return (driver, port),
            Err(words) => last_words = words,
        }
    }
    panic!("ChromeDriver ended {MOST_DRIVER_STARTS} times before it was ready; at last it said: {last_words}")
}

/// The port that a driver listens at, or what it said before it ended.
async fn driver_port(output: ChildStdout) -> Result<u16, String> {
    let mut lines = BufReader::new(output).lines();
    let mut words = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            // The driver goes on writing: somebody has to read, or it would stand still.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return port.trim_end_matches('.').parse().map_err(|_| line);
        }
        words.push_str(&line);
        words.push('\n');
    }
    Err(words)
}
