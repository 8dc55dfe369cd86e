//! One consumer of a thousand that stands still.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use parking_lot::Mutex;
use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::mode::Mode;
use sluice_shared::units::Amount;
use sluice_shared::wire::codec::FrameItems;
use sluice_shared::wire::{ClientItem, Hello, ServerControl, ServerItem, WEBSOCKET_PATH};
use sluice_tests::client::{Client, Lane, Pace};
use sluice_tests::connection::encoded;
use sluice_tests::deadline::{eventually, must};
use sluice_tests::host::{allow_open_files, resident_bytes};
use sluice_tests::process::ServerProcess;
use sluice_tests::raw::{Raw, hello};
use sluice_tests::target::Target;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::measure::{Pairs, Plan, Row, put_apart};

/// Readers that are measured.
const READERS: usize = 999;
/// Messages a second for each: what one core sends to all of them with ease.
const RATE: u32 = 50;
/// Short slices of each run, with and without in turn: what else the machine does then disturbs both alike.
const SLICES: u32 = 6;
/// Stalled sessions of which the memory is the mean.
const STALLED: u64 = 200;
/// The window of a stalled session, messages and bytes.
const WINDOW: Amount = Amount::new(64, 70_000);

/// How late messages are.
#[derive(Debug, Default)]
struct Ages {
    /// The smallest difference seen between the readers' clock and the server's, µs.
    offset: Option<i64>,
    /// Ages while they are measured, µs; `None` while they are not.
    measured: Option<Vec<u32>>,
    /// Messages that have arrived.
    arrived: u64,
}

/// What one stalled consumer of a thousand does to the others' 99th percentile, and what it holds at the server.
pub(crate) async fn disturbs_nobody(plan: Plan) -> Vec<Row> {
    must("opening many files", allow_open_files(4 * READERS as u64));
    let server = ServerProcess::start_with(&[("TOKIO_WORKER_THREADS", "1")], &["--feed", "ticks"]).await;
    put_apart(server.id());
    let spec = TicksSpec { rate: RATE, size: 64, streams: 1, keys: 1, seed: 1 };
    let ages = Arc::new(Mutex::new(Ages::default()));
    let feeds = [FeedSpec::Ticks(spec)];
    let granted = Amount::new(u64::MAX / 2, u64::MAX / 2);
    let _readers =
        connect(server.http, &Hello { limit: granted, ..hello(Mode::WebSocket, feeds) }, &ages).await;
    let target = must("asking the server", Target::of(server.http).await);
    let mut pairs = Pairs::default();
    let slice = plan.span / SLICES;
    for turn in 0..plan.runs * SLICES as usize {
        // In turn the one and the other goes first, so that what drifts concerns both alike.
        if turn % 2 == 0 {
            pairs.theirs.push(p99(&ages, slice).await);
        }
        // It reads nothing, and grants far more than any buffer on the way holds.
        let stuck = Lane::new(Mode::WebSocket, feeds).pace(Pace::Never).window(10_000_000, 10 << 30);
        let stuck = must("connecting", Client::connect(&target, stuck).await);
        pairs.ours.push(p99(&ages, slice).await);
        drop(stuck);
        if turn % 2 == 1 {
            pairs.theirs.push(p99(&ages, slice).await);
        }
    }
    let what =
        format!("1 stalled consumer of 1,000: p99 of the age at the other {READERS}, {RATE} messages/s each");
    let disturbance = pairs.row(&what, "without it", |micros| format!("{:.2} ms", micros / 1_000.0));
    vec![disturbance, memory().await]
}

/// The 99th percentile of the ages of `span`, µs.
async fn p99(ages: &Mutex<Ages>, span: Duration) -> f64 {
    ages.lock().measured = Some(Vec::new());
    tokio::time::sleep(span).await;
    let mut measured = ages.lock().measured.take().unwrap_or_default();
    assert!(measured.len() > 1_000, "only {} messages arrived", measured.len());
    let at = measured.len() * 99 / 100;
    let (_, p99, _) = measured.select_nth_unstable(at);
    f64::from(*p99)
}

async fn connect(http: SocketAddr, hello: &Hello, ages: &Arc<Mutex<Ages>>) -> JoinSet<()> {
    let mut readers = JoinSet::new();
    let origin = Instant::now();
    let url = format!("ws://{http}{WEBSOCKET_PATH}");
    for _ in 0..READERS {
        let stream = must("connecting", TcpStream::connect(http).await);
        must("connecting", stream.set_nodelay(true));
        let (mut socket, _) = must("connecting", tokio_tungstenite::client_async(&url, stream).await);
        let hello = Message::Binary(encoded(&ClientItem::Hello(hello.clone())));
        must("saying hello", socket.send(hello).await);
        let ages = Arc::clone(ages);
        readers.spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Binary(frame) = message {
                    let now = i64::try_from(origin.elapsed().as_micros()).unwrap_or(i64::MAX);
                    take(FrameItems::new(frame), now, &mut ages.lock());
                }
            }
        });
    }
    let all = 10 * READERS as u64;
    eventually("every reader receives", || async { (ages.lock().arrived > all).then_some(()) }).await;
    readers
}

fn take(items: FrameItems<ServerItem>, now_micros: i64, ages: &mut Ages) {
    let behind =
        |at: sluice_shared::time::Time| now_micros - i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    for item in items {
        match item {
            // The fastest Welcome of all tells best how the clocks differ.
            Ok((ServerItem::Control(ServerControl::Welcome(welcome)), _)) => {
                let offset = behind(welcome.server_now);
                ages.offset = Some(ages.offset.map_or(offset, |least| least.min(offset)));
            }
            Ok((ServerItem::Message { header, .. }, _)) => {
                ages.arrived += 1;
                let offset = ages.offset.unwrap_or(0);
                if let Some(measured) = &mut ages.measured {
                    measured.push(u32::try_from(behind(header.produced_at) - offset).unwrap_or(0));
                }
            }
            Ok(_) => {}
            Err(error) => panic!("the server's frame is no run of items: {error}"),
        }
    }
}

/// Resident memory of the server for a session that has used its window up and reads nothing.
async fn memory() -> Row {
    let server = ServerProcess::start_with(&[("TOKIO_WORKER_THREADS", "1")], &["--feed", "ticks"]).await;
    let target = must("asking the server", Target::of(server.http).await);
    let feeds = [FeedSpec::Ticks(TicksSpec { rate: 4_000, size: 1_024, streams: 1, keys: 1, seed: 2 })];
    // What the feed's log may keep is reached first, so that only the stalled sessions can make memory grow.
    let fast = must("connecting", Client::connect(&target, Lane::new(Mode::WebSocket, feeds)).await);
    fast.until_within(Duration::from_secs(60), "the log is full", |tally| tally.settled_messages() > 40_000)
        .await;
    let before = must("reading memory", resident_bytes(server.id()));
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        let hello = Hello { limit: WINDOW, ..hello(Mode::WebSocket, feeds) };
        let (raw, _) = Raw::welcomed(&target, hello).await;
        raw.connection.set_reading(false);
        stalled.push(raw);
    }
    let seen = fast.tally().settled_messages();
    fast.until("all of them are stuck for long", |tally| tally.settled_messages() > seen + 20_000).await;
    let after = must("reading memory", resident_bytes(server.id()));
    let each = after.saturating_sub(before) as f64 / STALLED as f64;
    Row {
        what: format!(
            "memory of a stalled session, window of {} messages, {} bytes, of {STALLED}",
            WINDOW.messages, WINDOW.bytes
        ),
        value: format!("{:.1} KiB", each / 1_024.0),
        compared_with: format!("window + 64 KiB: {:.1} KiB", WINDOW.bytes as f64 / 1_024.0 + 64.0),
        ratio: format!("{:.2}", each / (WINDOW.bytes as f64 + 65_536.0)),
        runs: 1,
    }
}
