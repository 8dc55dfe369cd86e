//! How long the first fresh message takes after a blackout.

use std::time::Duration;

use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::lab::Congestion;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::session::{Backoff, Heartbeat};
use sluice_tests::chaos::Draw;
use sluice_tests::client::{Client, Lane};
use sluice_tests::deadline::must;
use sluice_tests::lab::Lab;
use sluice_tests::process::ServerProcess;
use sluice_tests::tally::Tally;
use sluice_tests::target::Target;
use tokio::time::{Instant, sleep, sleep_until};

use crate::measure::{Row, median};

/// Blackouts of each kind.
const RUNS: usize = 24;
/// The network's round trip, ms.
const RTT_MS: u64 = 60;
/// What is carried.
const MODES: [Mode; 5] =
    [Mode::WebSocket, Mode::OneStream, Mode::StreamPerTopic, Mode::StreamPerMessage, Mode::Datagrams];
/// How long a blackout lasts, seconds, at least and at most.
const SECONDS: (f64, f64) = (0.5, 2.5);
/// How long the network rests between two of them.
const REST: Duration = Duration::from_secs(2);
/// How long a lane may take to bring something fresh.
const PATIENCE: Duration = Duration::from_secs(40);
/// A page's, and a client that is asked for signs of life more often while they are missed.
const HEARTBEAT: Heartbeat = Heartbeat { interval: Duration::from_secs(1), timeout: Duration::from_secs(10) };
/// A dashboard's.
const FEED: TicksSpec = TicksSpec { rate: 40, size: 64, streams: 2, keys: 8, seed: 1 };

/// What becomes of the connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// They outlive the tunnel.
    Survived,
    /// They die as it ends, and their sessions are resumed.
    Resumed,
}

/// Time from the end of a tunnel to the first message that was produced after it, for each mode.
pub(crate) async fn is_over_soon() -> Vec<Row> {
    let mut rows = Vec::new();
    for (kind, congestion) in [
        (Kind::Survived, Congestion::Cubic),
        (Kind::Survived, Congestion::Bbr),
        (Kind::Resumed, Congestion::Cubic),
    ] {
        rows.extend(measured(kind, congestion).await);
    }
    rows
}

async fn measured(kind: Kind, congestion: Congestion) -> Vec<Row> {
    let server = ServerProcess::start(&["--feed", "ticks"]).await;
    let target = must("asking the server", Target::of(server.http).await);
    let lab = Lab::open(&target, &format!(r#"{{"change":{{"delay_ms":{}}}}}"#, RTT_MS / 2)).await;
    let feeds = [FeedSpec::Ticks(FEED)];
    // Beside the network: it knows what has just been produced, on the server's own clock.
    let direct = must("connecting", Client::connect(&target, Lane::new(Mode::WebSocket, feeds)).await);
    let mut clients = Vec::new();
    for (number, mode) in (0..).zip(MODES) {
        let mut lane = Lane::new(mode, feeds).coming_back();
        lane.config.heartbeat = HEARTBEAT;
        let client = Client::connect(&lab.target(number, congestion), lane).await;
        clients.push(must("connecting", client));
    }
    let mut draw = Draw::new(7);
    let mut waits = vec![Vec::new(); MODES.len()];
    for _ in 0..RUNS {
        sleep(REST).await;
        let welcomes: Vec<usize> = clients.iter().map(|client| client.tally().welcomes.len()).collect();
        let seconds = SECONDS.0 + (SECONDS.1 - SECONDS.0) * draw.share();
        // It begins after this, so it ends no sooner than what is taken as its end.
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        lab.event(&format!(r#"{{"event":"tunnel","seconds":{seconds:.3}}}"#)).await;
        sleep_until(end).await;
        let produced = direct.tally().produced_last;
        if kind == Kind::Resumed {
            kill(&lab, &clients).await;
        }
        let fresh = clients.iter().map(|client| async move {
            let is_fresh = |tally: &Tally| tally.produced_last > produced;
            client.until_within(PATIENCE, "something fresh is consumed", is_fresh).await;
            end.elapsed()
        });
        let took = futures_util::future::join_all(fresh).await;
        for (index, took) in took.into_iter().enumerate() {
            let has_survived = clients[index].tally().welcomes.len() == welcomes[index];
            if has_survived == (kind == Kind::Survived) {
                waits[index].push(took.as_secs_f64() * 1_000.0);
            }
        }
    }
    for client in &clients {
        client.tally().assert_sound();
    }
    MODES.into_iter().zip(&waits).map(|(mode, waits)| row(kind, congestion, mode, waits)).collect()
}

/// Ends every connection: TCP's die with the address that they came from, QUIC's outlive that and are given up.
async fn kill(lab: &Lab, clients: &[Client]) {
    lab.event(r#"{"event":"switch-network"}"#).await;
    for client in clients.iter().filter(|client| client.mode().transport() == Transport::WebTransport) {
        client.cut().await;
    }
}

fn row(kind: Kind, congestion: Congestion, mode: Mode, waits: &[f64]) -> Row {
    let mut sorted = waits.to_vec();
    sorted.sort_by(f64::total_cmp);
    let p95 = sorted.get((sorted.len() * 95).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0.0);
    let (name, goal) = match kind {
        Kind::Survived => ("survived", format!("1 RTT + 300 ms: {} ms", RTT_MS + 300)),
        Kind::Resumed => {
            let step = u64::try_from(Backoff::FIRST.as_millis()).unwrap_or(0);
            ("resumed", format!("3 RTT + one backoff step: {} ms", 3 * RTT_MS + step))
        }
    };
    let (shortest, longest) = SECONDS;
    Row {
        what: format!(
            "end of a tunnel of {shortest} to {longest} s to the first fresh message, {mode}, {}, RTT {RTT_MS} ms, {name}: p50",
            congestion.name()
        ),
        value: format!("{:.0} ms (p95 {p95:.0} ms)", median(waits)),
        compared_with: goal,
        ratio: "–".into(),
        runs: waits.len(),
    }
}
