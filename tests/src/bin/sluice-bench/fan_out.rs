//! One feed to a thousand WebSocket connections.

use std::env;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::mode::Mode;
use sluice_shared::units::Amount;
use sluice_shared::wire::{ClientItem, Hello, WEBSOCKET_PATH};
use sluice_tests::deadline::{eventually, in_time, must};
use sluice_tests::host::allow_open_files;
use sluice_tests::process::ServerProcess;
use sluice_tests::raw::hello;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::bare::SIZE;
use crate::measure::{Pairs, Passed, Plan, Row, grouped, passes, put_apart};
use crate::readers::{Readers, Speech};

/// Connections.
const READERS: usize = 1_000;
/// Messages a second for each connection that one core can send to all of them with ease.
const GENTLE: u32 = 50;
/// Messages a second for each connection that no core can send to all of them, nor another one read.
const FLOOD: u32 = 20_000;
/// The window of a reader with credit, messages.
const WINDOW: u64 = 4_096;
/// How long everything runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);

/// The server against a bare broadcaster: how much passes when far too much is offered, where the readers' core may be
/// the limit, and what a message costs the sending core then and when little is offered.
pub(crate) async fn against_bare(plan: Plan) -> Vec<Row> {
    let (mut flood, mut flood_cpu, mut gentle) = (Pairs::default(), Pairs::default(), Pairs::default());
    for _ in 0..plan.runs {
        let (ours, theirs) = (sluice(FLOOD, Some(WINDOW), plan).await, bare(FLOOD, plan).await);
        flood.ours.push(ours.per_second);
        flood.theirs.push(theirs.per_second);
        flood_cpu.ours.push(ours.cpu_micros);
        flood_cpu.theirs.push(theirs.cpu_micros);
        let (ours, theirs) = (sluice(GENTLE, Some(WINDOW), plan).await, bare(GENTLE, plan).await);
        gentle.ours.push(ours.cpu_micros);
        gentle.theirs.push(theirs.cpu_micros);
    }
    let against = "bare tokio-tungstenite";
    vec![
        flood.row("fan-out, 64 B × 1,000 WebSockets, far too much offered: what passes", against, messages),
        flood_cpu.row("the same, CPU per message", against, micros),
        gentle.row("64 B × 1,000 WebSockets, 50 messages/s each, CPU per message", against, micros),
    ]
}

/// What the window costs: readers that grant as they consume, against readers that granted everything at once.
pub(crate) async fn with_credit_against_without(plan: Plan) -> Vec<Row> {
    let mut pairs = Pairs::default();
    for _ in 0..plan.runs {
        pairs.ours.push(sluice(FLOOD, Some(WINDOW), plan).await.per_second);
        pairs.theirs.push(sluice(FLOOD, None, plan).await.per_second);
    }
    vec![pairs.row(
        "credit, window of 4,096 messages, 64 B × 1,000 WebSockets, far too much offered: what passes",
        "no limit",
        messages,
    )]
}

fn messages(value: f64) -> String {
    format!("{} messages/s", grouped(value))
}

fn micros(value: f64) -> String {
    format!("{value:.2} µs")
}

async fn sluice(rate: u32, window: Option<u64>, plan: Plan) -> Passed {
    must("opening many files", allow_open_files(4 * READERS as u64));
    let server = ServerProcess::start_with(&[("TOKIO_WORKER_THREADS", "1")], &["--feed", "ticks"]).await;
    put_apart(server.id());
    let spec = TicksSpec { rate, size: SIZE as u32, streams: 1, keys: 1, seed: 1 };
    let limit = Amount::new(window.unwrap_or(u64::MAX / 2), u64::MAX / 2);
    let hello = Hello { limit, sample_every_millis: 0, ..hello(Mode::WebSocket, [FeedSpec::Ticks(spec)]) };
    let speech = Speech::Session { hello: ClientItem::Hello(hello), window };
    let url = format!("ws://{}{WEBSOCKET_PATH}", server.http);
    measured(&url, server.http, server.id(), &speech, plan).await
}

async fn bare(rate: u32, plan: Plan) -> Passed {
    let (child, address) = start_bare(rate).await;
    let pid = child.id().unwrap_or_default();
    put_apart(pid);
    measured(&format!("ws://{address}/"), address, pid, &Speech::Bare, plan).await
}

async fn measured(url: &str, address: SocketAddr, pid: u32, speech: &Speech, plan: Plan) -> Passed {
    let readers = Readers::connect(url, address, READERS, speech).await;
    eventually("every reader receives", || async { (readers.received() > 2 * READERS as u64).then_some(()) })
        .await;
    tokio::time::sleep(WARM_UP).await;
    passes(pid, plan.span, || readers.received()).await
}

/// This program again, as the broadcaster.
async fn start_bare(rate: u32) -> (Child, SocketAddr) {
    let mut command = Command::new(must("finding this program", env::current_exe()));
    command.args(["--bare-broadcaster", &rate.to_string()]).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = must("starting the broadcaster", command.spawn());
    let Some(stdout) = child.stdout.take() else { panic!("the broadcaster has no output") };
    let line = in_time("the broadcaster is ready", BufReader::new(stdout).lines().next_line()).await;
    let line = must("reading the broadcaster's address", line).unwrap_or_default();
    let address = line.rsplit(' ').next().and_then(|address| address.parse().ok());
    match address {
        Some(address) => (child, address),
        None => panic!("the broadcaster says {line:?}"),
    }
}
