//! A client that floods feels a server that stops reading, and nobody is taken for dead.

use std::time::Duration;

use sluice_server::Pings;
use sluice_shared::flood::{Flood, FloodStyle};
use sluice_shared::lab::Congestion;
use sluice_shared::mode::Mode;
use sluice_shared::units::Amount;
use sluice_shared::wire::{ClientItem, CloseCode, EchoBlock, Hello, Inbound, ServerControl, ServerItem};
use sluice_tests::client::{Client, Lane};
use sluice_tests::connection::encoded;
use sluice_tests::deadline::eventually;
use sluice_tests::lab::Lab;
use sluice_tests::raw::{Raw, hello};
use sluice_tests::server::Server;

use crate::feed;

/// 8 Mbit/s and a round trip of 40 ms: 5 MB take five seconds each way.
const SLOW: &str = r#"{"change":{"rate_kbit":8000,"delay_ms":20,"queue_ms":50}}"#;
/// Much faster to the server than back.
const NARROW_BACK: &str = r#"{"profile":{"up":{"delay_ms":20,"rate_kbit":40000,"queue_ms":50},"down":{"delay_ms":20,"rate_kbit":4000,"queue_ms":50}}}"#;
/// What floods through it.
const FLOOD: u64 = 5_000_000;
/// How long either end is patient with the other: shorter than the flood holds heartbeats up, and longer than a busy
/// machine stands still.
const SHORT: Duration = Duration::from_secs(3);
/// How often the server asks, so that it asks behind a flood.
const OFTEN: Duration = Duration::from_millis(500);
/// How long that may take on a busy machine.
const LONG: Duration = Duration::from_secs(60);

async fn flooded(server: &Server, mode: Mode, style: FloodStyle, seed: u64) -> Client {
    let lab = Lab::open(&server.target, SLOW).await;
    let target = lab.target(0, Congestion::Cubic);
    let mut lane = Lane::new(mode, feed(100, seed));
    lane.config.heartbeat.timeout = SHORT;
    let client = Client::connect(&target, lane).await.expect("the server accepts");
    client.until_settled(50).await;
    let settled = client.tally().settled_messages();
    client.flood(style, FLOOD).await;
    client.until("the flood is under way", |tally| tally.flood.is_some()).await;
    client
        .until_within(LONG, "every byte is back", |tally| tally.flood.as_ref().is_some_and(Flood::is_over))
        .await;
    let settled_after = client.tally().settled_messages();
    // Those that left behind it come back behind it.
    let goal = client.tally().heartbeats + 3;
    client.until("heartbeats are back", |tally| tally.heartbeats >= goal).await;
    let tally = client.tally();
    tally.assert_complete();
    assert!(tally.flood.as_ref().is_some_and(Flood::is_faithful), "{mode}: bytes came back changed");
    assert_eq!((tally.welcomes.len(), tally.closed.len(), tally.silences), (1, 0, 0), "{}", tally.summary());
    let during = settled_after - settled;
    // On a WebSocket, grants go behind what was handed over before them.
    let grants_pass = mode != Mode::WebSocket || style == FloodStyle::Credit;
    assert!(
        !grants_pass || during >= 200,
        "{mode}: {during} messages came while the flood did, of about 500"
    );
    drop(tally);
    client
}

/// The longest heartbeat since the flood began.
fn slowest(client: &Client) -> u64 {
    client.tally().rtt_since_flood.max_micros()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_comes_back_whole_and_heartbeats_pass_it_where_they_have_a_path_of_their_own() {
    let pings = Pings { interval: OFTEN, timeout: SHORT };
    let server = Server::with(|config| config.pings = pings).await;
    // Each has a network of its own.
    let (naive, paced, credit, beside) = tokio::join!(
        flooded(&server, Mode::WebSocket, FloodStyle::Naive, 70),
        flooded(&server, Mode::WebSocket, FloodStyle::Paced, 70),
        flooded(&server, Mode::WebSocket, FloodStyle::Credit, 70),
        flooded(&server, Mode::StreamPerTopic, FloodStyle::Naive, 70),
    );
    let [naive, paced, credit, beside] = [naive, paced, credit, beside].map(|client| slowest(&client));
    eprintln!(
        "longest heartbeat, µs: naive {naive}, paced {paced}, by credit {credit}, on a stream of its own {beside}"
    );
    assert!(2 * naive > 3 * SHORT.as_micros() as u64, "a heartbeat behind 5 MB at 8 Mbit/s took {naive} µs");
    // What the system's send buffer holds, no pacing by the client's own buffer can see.
    assert!(credit * 5 < naive, "by credit {credit} µs against {naive} µs");
    assert!(beside * 5 < naive, "on a stream of its own {beside} µs against {naive} µs");
    server.stop().await;
}

fn block(number: u64) -> EchoBlock {
    EchoBlock { number, payload: vec![7; EchoBlock::MAX_PAYLOAD].into() }
}

/// Reads until `count` bytes of the flood are back; what the server said of it last.
async fn read_back(raw: &mut Raw, count: usize) -> Inbound {
    let (mut back, mut last) = (0, None);
    loop {
        if back + raw.echoed.len() >= count
            && let Some(inbound) = last
        {
            return inbound;
        }
        let news = raw.until("the flood comes back", |item| match item {
            ServerItem::Control(ServerControl::Echo(block)) => Some((block.payload.len(), None)),
            ServerItem::Control(ServerControl::Sample(sample)) => Some((0, Some(sample.inbound))),
            ServerItem::Control(_) | ServerItem::Batch(_) | ServerItem::Message { .. } => None,
        });
        let (bytes, inbound) = news.await;
        back += bytes;
        last = inbound.or(last);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_floods_and_does_not_read_is_not_read_and_disturbs_nobody() {
    const BLOCKS: u64 = 3_000;
    const BYTES: usize = BLOCKS as usize * EchoBlock::MAX_PAYLOAD;
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::OneStream] {
        let fast = Client::connect(&server.target, Lane::new(mode, feed(500, 71))).await.expect("accepts");
        let (mut raw, _) = Raw::welcomed(&server.target, hello(mode, feed(500, 71))).await;
        raw.connection.set_reading(false);
        for number in 0..BLOCKS {
            raw.connection.spout().pour(block(number));
        }
        // What the server and the sockets between take, they take soon; then nothing moves.
        let mut before = usize::MAX;
        let waiting = eventually("nothing moves any more", || {
            let waiting = raw.connection.spout().waiting_bytes();
            let stands = std::mem::replace(&mut before, waiting) == waiting && waiting < BYTES;
            async move {
                tokio::time::sleep(Duration::from_millis(500)).await;
                stands.then_some(waiting)
            }
        })
        .await;
        assert!(waiting > BYTES / 4, "{mode}: all but {waiting} bytes of {BYTES} were taken");
        fast.until_settled(200).await;
        fast.tally().assert_complete();
        raw.connection.set_reading(true);
        let inbound = read_back(&mut raw, BYTES).await;
        assert!(inbound.stops >= 1 && inbound.stopped_micros >= 400_000, "{mode}: {inbound:?}");
        let most = (EchoBlock::MAX_HELD + EchoBlock::MAX_PAYLOAD) as u64;
        assert!(inbound.echo.held.bytes <= most, "{mode}: {inbound:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_holds_of_a_flood_is_bounded_all_the_time() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, NARROW_BACK).await;
    for (lane, mode) in (0..).zip([Mode::WebSocket, Mode::OneStream]) {
        let limit = Amount::new(1_000_000, 1 << 30);
        let hello = Hello { limit, ..hello(mode, feed(200, 72)) };
        let (mut raw, _) = Raw::welcomed(&lab.target(lane, Congestion::Cubic), hello).await;
        for number in 0..200 {
            raw.connection.spout().pour(block(number));
        }
        let (mut most, mut stops) = (0, 0);
        raw.until("the server has stopped reading and gone on ten times", |item| match item {
            ServerItem::Control(ServerControl::Sample(sample)) => {
                most = most.max(sample.inbound.echo.held.bytes);
                stops = sample.inbound.stops;
                (stops >= 10).then_some(())
            }
            ServerItem::Control(_) | ServerItem::Batch(_) | ServerItem::Message { .. } => None,
        })
        .await;
        let bound = (EchoBlock::MAX_HELD + EchoBlock::MAX_PAYLOAD) as u64;
        assert!(most > bound / 2 && most <= bound, "{mode}: {most} bytes, stopped {stops} times");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_are_too_large_or_in_the_wrong_place_are_refused() {
    let server = Server::start().await;
    let sized = |bytes: usize| ClientItem::Echo(EchoBlock { number: 1, payload: vec![0; bytes].into() });
    let refusals = [
        (Mode::WebSocket, sized(EchoBlock::MAX_PAYLOAD + 1), CloseCode::Protocol, "8192 bytes at most"),
        (Mode::WebSocket, sized(17_000), CloseCode::TooLarge, "passes the limit"),
        (Mode::OneStream, sized(10), CloseCode::Protocol, "a bidirectional stream of its own"),
    ];
    for (mode, item, code, words) in refusals {
        let (mut raw, _) = Raw::welcomed(&server.target, hello(mode, feed(10, 73))).await;
        raw.speaker.bytes(encoded(&item)).await;
        let goodbye = raw.until_closed().await.goodbye.expect("the server says why");
        assert_eq!(goodbye.code, code, "{mode}: {}", goodbye.reason);
        assert!(goodbye.reason.contains(words), "{mode}: {}", goodbye.reason);
    }
    let mut early = Raw::open(&server.target, Mode::WebSocket).await.expect("the server accepts");
    early.say(&sized(10)).await;
    let goodbye = early.until_closed().await.goodbye.expect("the server says why");
    assert!(goodbye.reason.contains("must be a Hello"), "{}", goodbye.reason);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_flood_at_a_time_has_a_stream_of_its_own() {
    let server = Server::start().await;
    let (mut raw, _) = Raw::welcomed(&server.target, hello(Mode::OneStream, feed(10, 74))).await;
    raw.connection.spout().pour(block(0));
    read_back(&mut raw, EchoBlock::MAX_PAYLOAD).await;
    assert!(raw.echoed.iter().all(|byte| *byte == 7));
    // The first stream stays open for more, so another is one too many.
    raw.speaker.two_way(&b"more"[..]).await;
    let goodbye = raw.until_closed().await.goodbye.expect("the server says why");
    assert_eq!(goodbye.code, CloseCode::Protocol);
    assert!(goodbye.reason.contains("at a time"), "{}", goodbye.reason);
    server.stop().await;
}
