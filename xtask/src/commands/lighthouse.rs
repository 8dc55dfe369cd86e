//! Lighthouse on the released page, as a desktop and as a mobile phone on a slow network.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::browser::Browser;
use crate::failure::{Failure, Result};
use crate::process;
use crate::tools::Tool;
use crate::workspace::Workspace;

/// Least score of each category; 1 is the best.
const LEAST_SCORE: f64 = 0.95;
/// Runs of which the best counts: the machine may be busy with other work.
const RUNS: u32 = 3;
/// Time for the server to start.
const START: Duration = Duration::from_secs(30);
const CHROMIUM_FLAGS: &str = "--headless=new --no-sandbox --disable-background-networking";

/// Scores the page of the built server, and fails if a category is below [`LEAST_SCORE`].
pub(crate) fn check(workspace: &Workspace) -> Result<String> {
    let browser = Browser::ensure(workspace)?;
    let lighthouse = Tool::lighthouse().ensure(workspace)?;
    let server = Server::start(workspace)?;
    let mut remarks = Vec::new();
    for (screen, options) in [("desktop", &["--preset=desktop"][..]), ("mobile", &[])] {
        let report = workspace.target().join(format!("lighthouse-{screen}.json"));
        let mut best: Vec<(String, f64)> = Vec::new();
        for _ in 0..RUNS {
            let mut run = process::command(workspace, &lighthouse);
            run.arg(format!("http://{}/", server.address)).args(["--quiet", "--output=json"]).args(options);
            run.arg(format!("--output-path={}", report.display()));
            run.arg(format!("--chrome-flags={CHROMIUM_FLAGS}")).env("CHROME_PATH", browser.chromium());
            process::run(&mut run, "Lighthouse")?;
            let scores = scores(&report)?;
            if total(&scores) > total(&best) {
                best = scores;
            }
            if best.iter().all(|(_, score)| *score >= LEAST_SCORE) {
                break;
            }
        }
        let shown: Vec<_> = best.iter().map(|(name, score)| format!("{name} {:.0}", score * 100.0)).collect();
        let remark = format!("{screen}: {}", shown.join(", "));
        if best.iter().any(|(_, score)| *score < LEAST_SCORE) {
            let text = format!("{remark}; each must be {:.0}; see {}", LEAST_SCORE * 100.0, report.display());
            return Err(Failure::failed(text));
        }
        remarks.push(remark);
    }
    Ok(remarks.join("; "))
}

fn total(scores: &[(String, f64)]) -> f64 {
    scores.iter().map(|(_, score)| score).sum()
}

/// Returns the scores of a report by category.
fn scores(report: &Path) -> Result<Vec<(String, f64)>> {
    let unreadable = |why: &str| Failure::failed(format!("{}: {why}", report.display()));
    let text = std::fs::read_to_string(report).map_err(|error| unreadable(&error.to_string()))?;
    let json: Value = serde_json::from_str(&text).map_err(|error| unreadable(&error.to_string()))?;
    let categories = json["categories"].as_object().ok_or_else(|| unreadable("it has no categories"))?;
    let score = |(name, category): (&String, &Value)| {
        let score = category["score"].as_f64().ok_or_else(|| unreadable(&format!("{name} has no score")));
        score.map(|score| (name.clone(), score))
    };
    categories.iter().map(score).collect()
}

/// A server that ends with this value.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(workspace: &Workspace) -> Result<Self> {
        let failed = |error: std::io::Error| Failure::failed(format!("a server for Lighthouse: {error}"));
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let (address, quic) = (free().map_err(failed)?, free().map_err(failed)?);
        let mut serve = process::command(workspace, workspace.server_binary());
        serve.arg("serve").arg("--http").arg(address.to_string()).arg("--quic").arg(quic.to_string());
        let child = serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(failed)?;
        let server = Self { child, address };
        let give_up = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > give_up {
                return Err(Failure::failed(format!("the server does not listen at {address}")));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
