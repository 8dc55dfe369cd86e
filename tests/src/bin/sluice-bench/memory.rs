//! What an idle connection costs.

use std::time::Instant;

use sluice_shared::feed::FeedSpec;
use sluice_shared::mode::Mode;
use sluice_shared::wire::Hello;
use sluice_tests::deadline::must;
use sluice_tests::host::{allow_open_files, resident_bytes};
use sluice_tests::process::ServerProcess;
use sluice_tests::raw::{Raw, hello};
use sluice_tests::target::Target;

use crate::measure::{Plan, Row, grouped, plain_row};

/// Connections of each kind: WebTransport's readers cost this process more.
const CONNECTIONS: [(Mode, usize); 2] = [(Mode::WebSocket, 2_000), (Mode::StreamPerTopic, 500)];

/// Resident memory of the server for a session that receives nothing, and how fast such sessions open one by one.
pub(crate) async fn of_idle_connections(plan: Plan) -> Vec<Row> {
    must("opening many files", allow_open_files(10_000));
    let mut rows = Vec::new();
    for (mode, count) in CONNECTIONS {
        let (mut memory, mut rate) = (Vec::new(), Vec::new());
        for _ in 0..plan.runs.min(3) {
            let (bytes, per_second) = measured(mode, count).await;
            memory.push(bytes / 1024.0);
            rate.push(per_second);
        }
        let what = format!("memory of an idle session, {mode}, of {count}");
        rows.push(plain_row(&what, &memory, |kib| format!("{kib:.1} KiB")));
        let what = format!("sessions opened one after the other, {mode}");
        rows.push(plain_row(&what, &rate, |rate| format!("{} a second", grouped(rate))));
    }
    rows
}

async fn measured(mode: Mode, count: usize) -> (f64, f64) {
    let server = ServerProcess::start(&["--feed", "publish"]).await;
    let target = must("asking the server", Target::of(server.http).await);
    let idle = Hello { sample_every_millis: 0, ..hello(mode, [FeedSpec::Publish]) };
    // The first ones pay for what is made once.
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions.push(Raw::welcomed(&target, idle.clone()).await);
    }
    let (before, started) = (must("reading memory", resident_bytes(server.id())), Instant::now());
    for _ in 0..count {
        sessions.push(Raw::welcomed(&target, idle.clone()).await);
    }
    let took = started.elapsed().as_secs_f64();
    let after = must("reading memory", resident_bytes(server.id()));
    (after.saturating_sub(before) as f64 / count as f64, count as f64 / took)
}
