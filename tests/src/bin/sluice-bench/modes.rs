//! What a message costs the server in each mode.

use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::mode::Mode;
use sluice_tests::client::{Client, Lane};
use sluice_tests::deadline::must;
use sluice_tests::process::ServerProcess;
use sluice_tests::target::Target;

use crate::measure::{Pairs, Plan, Row, passes, put_apart};

/// Clients at a time.
const CLIENTS: usize = 10;
/// Messages a second for each client.
const RATE: u32 = 1_000;
/// The modes that are compared with the first.
const MODES: [Mode; 5] =
    [Mode::WebSocket, Mode::OneStream, Mode::StreamPerTopic, Mode::StreamPerMessage, Mode::Datagrams];

/// CPU per message of each WebTransport mode against WebSocket.
pub(crate) async fn cpu_per_message(plan: Plan) -> Vec<Row> {
    let mut cpu = vec![Vec::new(); MODES.len()];
    for _ in 0..plan.runs {
        for (mode, cpu) in MODES.into_iter().zip(&mut cpu) {
            cpu.push(measured(mode, plan).await);
        }
    }
    let theirs = cpu[0].clone();
    let row = |(mode, ours): (Mode, Vec<f64>)| {
        let what = format!("CPU per message, {mode}, 200 B, {CLIENTS} clients × {RATE} messages/s");
        Pairs { ours, theirs: theirs.clone() }.row(&what, "websocket", |value| format!("{value:.2} µs"))
    };
    MODES.into_iter().zip(cpu).skip(1).map(row).collect()
}

async fn measured(mode: Mode, plan: Plan) -> f64 {
    let server = ServerProcess::start_with(&[("TOKIO_WORKER_THREADS", "1")], &["--feed", "ticks"]).await;
    put_apart(server.id());
    let target = must("asking the server", Target::of(server.http).await);
    let spec = TicksSpec { rate: RATE, size: 200, streams: 8, keys: 16, seed: 1 };
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let lane = Lane::new(mode, [FeedSpec::Ticks(spec)]);
        clients.push(must("connecting", Client::connect(&target, lane).await));
    }
    for client in &clients {
        client.until_settled(u64::from(RATE)).await;
    }
    let consumed = || clients.iter().map(|client| client.tally().consumed.messages).sum();
    let passed = passes(server.id(), plan.span, consumed).await;
    for client in &clients {
        client.tally().assert_sound();
    }
    passed.cpu_micros
}
