//! Which connections of a browser come out of a tunnel, by its length and by the server's initial window.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_shared::lab::{Congestion, LabReport, TunnelPath, TunnelReport};
use sluice_shared::mode::Transport;
use sluice_shared::time::{Time, micros};
use sluice_tests::deadline::{must, patiently};
use sluice_tests::lab::{Lab, Reports};
use sluice_tests::stage::{Stage, on_stage};
use sluice_tests::target::Target;
use tokio::time::{sleep, timeout};

use crate::measure::{Plan, Row, median};

/// How long the tunnels last, seconds.
const LENGTHS: [u64; 7] = [3, 4, 5, 6, 7, 8, 10];
/// 50 ms of round trip, and 50 messages a second on each of four lanes: far less than the network could carry. The windows
/// are wide, so that the server has leave to go on sending in a tunnel, and its congestion controller decides.
const QUERY: &str = "?lane=stream-per-topic,window:4096&lane=stream-per-topic,window:4096,cc:cubic-wide\
    &lane=stream-per-topic,window:4096,cc:bbr&lane=websocket,window:4096\
    &feeds=ticks&rate=50&size=64&topics=2&keys=8&seed=7&net=none&net-delay=25&view=migration";
const RTT_MS: u64 = 50;
/// What the lanes do before a tunnel.
const REST: Duration = Duration::from_secs(3);
/// How long the lanes may take to come back.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a lane is made of.
type Setup = (Transport, Congestion);

/// How one lane came out of one tunnel.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// Its connection lives: how long after the end of the tunnel the first data came, ms.
    Survived(f64),
    /// It does not: after how much of the tunnel the browser gave it up, ms; and how long after its end the first data
    /// came by another one, ms.
    Resumed(f64, f64),
}

/// Survival of connections by the length of tunnels. Each tunnel meets connections of its own: after one that was
/// survived a congestion window is not what it was.
pub(crate) async fn of_tunnels(plan: Plan) -> Vec<Row> {
    let mut outcomes: BTreeMap<(u64, Setup), Vec<Outcome>> = BTreeMap::new();
    on_stage("survival_bench", (1_440, 900), QUERY, async |stage| {
        // The browser writes each connection that it gives up to the console.
        stage.expect_console_errors("net::ERR_");
        stage.expect_console_errors("Failed to establish a connection");
        stage.expect_console_errors("WebSocket connection to");
        for run in 0..plan.runs {
            for seconds in LENGTHS {
                for (setup, outcome) in pass(stage, seconds).await {
                    eprintln!("run {run}, {seconds} s, {}: {outcome:?}", label(setup));
                    outcomes.entry((seconds, setup)).or_default().push(outcome);
                }
            }
        }
    })
    .await;
    outcomes.iter().map(|((seconds, setup), outcomes)| row(*seconds, *setup, outcomes)).collect()
}

/// One tunnel with connections that have just been made; the lanes' certificates must be clean at the end.
async fn pass(stage: &Stage, seconds: u64) -> Vec<(Setup, Outcome)> {
    stage.browser.open(&stage.address(QUERY)).await;
    let lab = patiently(PATIENCE, "all lanes consume", async || {
        let lanes = lanes(stage).await;
        let all = lanes.len() == 4 && lanes.iter().all(|lane| lane["consumed"].as_f64() >= Some(100.0));
        let id = stage
            .browser
            .run("return document.querySelector('[data-testid=lab]')?.dataset.value ?? ''", json!([]));
        let id = id.await.as_str().unwrap_or_default().to_owned();
        (all && !id.is_empty()).then_some(id)
    })
    .await;
    let server = must("asking the server", Target::of(stage.http()).await);
    let lab = Lab::find(&server, &lab).await;
    sleep(REST).await;
    lab.event(&format!(r#"{{"event":"tunnel","seconds":{seconds}}}"#)).await;
    sleep(Duration::from_secs(seconds)).await;
    let tunnel = through(&mut lab.watch().await).await;
    let mut outcomes = Vec::new();
    for path in &tunnel.paths {
        outcomes.push(((path.transport, path.congestion), outcome(stage, &tunnel, path).await));
    }
    let connections = until_certified(stage, tunnel.until).await;
    let expected: Vec<u64> = outcomes.iter().map(|(_, outcome)| outcome.connections()).collect();
    assert_eq!(connections, expected, "the page and the network do not say the same");
    outcomes
}

impl Outcome {
    /// Of the lane, so far.
    const fn connections(self) -> u64 {
        match self {
            Self::Survived(_) => 1,
            Self::Resumed(..) => 2,
        }
    }
}

/// The tunnel once every lane is back.
async fn through(reports: &mut Reports) -> TunnelReport {
    let is_back = |report: &LabReport| {
        let tunnel = report.tunnels.first();
        tunnel.is_some_and(|tunnel| {
            let named: Vec<&TunnelPath> = tunnel.paths.iter().filter(|path| path.lane.is_some()).collect();
            named.len() == 4 && named.iter().all(|path| path.resumed.is_some())
        })
    };
    let report = timeout(PATIENCE, async {
        loop {
            let Some(report) = reports.next().await else { panic!("the lab is over") };
            if is_back(&report) {
                return report;
            }
        }
    });
    let tunnels = report.await.map(|report| report.tunnels).unwrap_or_default();
    let Some(mut tunnel) = tunnels.into_iter().next() else {
        panic!("a lane is not back within {PATIENCE:?}")
    };
    tunnel.paths.retain(|path| path.lane.is_some());
    // As the lanes stand on the page.
    tunnel.paths.sort_by_key(|path| path.lane);
    tunnel
}

async fn outcome(stage: &Stage, tunnel: &TunnelReport, path: &TunnelPath) -> Outcome {
    let Some(resumed) = path.resumed else { panic!("waited for it: {path:?}") };
    let after = millis(resumed.at.since(tunnel.until));
    if resumed.flow == path.flow {
        return Outcome::Survived(after);
    }
    let lane = path.lane.map_or(u64::MAX, u64::from);
    let given_up = patiently(PATIENCE, "the page tells when the connection was lost", async || {
        let lanes = lanes(stage).await;
        let told = lanes.iter().find(|told| told["lane"].as_u64() == Some(lane))?;
        let lost = Time::from_micros(told["lost"].as_u64()?);
        (lost > tunnel.from).then(|| lost.since(tunnel.from))
    })
    .await;
    Outcome::Resumed(millis(given_up), after)
}

/// Waits until every lane's certificate says that nothing produced until `until` was lost; tells how many connections
/// each lane has had, from the top.
async fn until_certified(stage: &Stage, until: Time) -> Vec<u64> {
    stage.press(None, "view-continuity").await;
    let script = r#"return [...document.querySelectorAll('[data-testid="certificate-json"]')]
        .map((told) => told.dataset.value);"#;
    patiently(PATIENCE, "every lane is certified", async || {
        stage.press(None, "certify").await;
        let told = stage.browser.run(script, json!([])).await;
        let texts = told.as_array()?.iter().filter_map(Value::as_str);
        let certificates: Vec<Value> = texts.filter_map(|text| serde_json::from_str(text).ok()).collect();
        for certificate in &certificates {
            assert_ne!(certificate["verdict"], "broken", "something was lost: {certificate:#}");
        }
        let is_clean = |certificate: &Value| {
            certificate["verdict"] == "continuous"
                && certificate["taken_at_micros"].as_u64().map(Time::from_micros) > Some(until)
        };
        let connections = certificates.iter().filter_map(|certificate| certificate["connections"].as_u64());
        (certificates.len() == 4 && certificates.iter().all(is_clean)).then(|| connections.collect())
    })
    .await
}

/// Each lane's number, how much it has consumed, and when it last lost its connection, µs of the server's clock.
async fn lanes(stage: &Stage) -> Vec<Value> {
    let script = r#"const losses = document.querySelectorAll('[data-testid="migration-last-loss"]');
    return [...document.querySelectorAll('[data-lane]')].map((lane, at) => ({
        lane: Number(lane.dataset.lane),
        consumed: Number(lane.querySelector('[data-testid="consumed"]')?.dataset.value ?? 0),
        lost: losses[at]?.dataset.value ? Number(losses[at].dataset.value) : null,
    }));"#;
    let told = stage.browser.run(script, json!([])).await;
    told.as_array().cloned().unwrap_or_default()
}

fn millis(span: Duration) -> f64 {
    micros(span) as f64 / 1e3
}

fn label((transport, congestion): Setup) -> String {
    let transport = match transport {
        Transport::WebSocket => "WebSocket",
        Transport::WebTransport => "WebTransport",
    };
    format!("{transport}, {}", congestion.label())
}

fn row(seconds: u64, setup: Setup, outcomes: &[Outcome]) -> Row {
    let (mut survived, mut given_up, mut resumed) = (Vec::new(), Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Outcome::Survived(after) => survived.push(*after),
            Outcome::Resumed(lost, after) => {
                given_up.push(*lost);
                resumed.push(*after);
            }
        }
    }
    let spans = |spans: &[f64]| {
        let most = spans.iter().copied().fold(0.0, f64::max);
        format!("{:.0} ms (at most {most:.0} ms)", median(spans))
    };
    let mut value = format!("{} of {}", survived.len(), outcomes.len());
    if !survived.is_empty() {
        value += &format!(", first data after {}", spans(&survived));
    }
    let instead = if resumed.is_empty() {
        "–".to_owned()
    } else {
        let (first, last) =
            given_up.iter().fold((f64::MAX, 0f64), |(a, b), lost| (a.min(*lost), b.max(*lost)));
        let given_up = format!("given up {:.1} to {:.1} s after its beginning", first / 1e3, last / 1e3);
        format!("resumed: {}, {given_up}, first data after {}", resumed.len(), spans(&resumed))
    };
    Row {
        what: format!("tunnel of {seconds} s, RTT {RTT_MS} ms, {}: survived", label(setup)),
        value,
        compared_with: instead,
        ratio: "–".into(),
        runs: outcomes.len(),
    }
}
