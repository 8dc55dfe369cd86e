//! The binary: its standard streams, its signals, its memory.

use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::mode::Mode;
use sluice_shared::wire::CloseCode;
use sluice_tests::client::{Client, Lane, Pace};
use sluice_tests::deadline::{PATIENCE, eventually, must};
use sluice_tests::host::resident_bytes;
use sluice_tests::metrics::Metrics;
use sluice_tests::process::{ServerProcess, server_binary};
use sluice_tests::target::Target;

use crate::{NATIVE, feed};

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_standard_input_is_a_message_and_a_malformed_one_is_told() {
    let mut server = ServerProcess::start(&["--feed", "stdin"]).await;
    let target = Target::of(server.http).await.expect("the server tells where it is");
    let client =
        Client::connect(&target, Lane::new(Mode::WebSocket, [FeedSpec::Stdin])).await.expect("accepts");
    client.until_welcome().await;
    server.write_stdin("{\"first\": 1}\n{oops\n\n[2, 3]\n").await;
    client.until("both values are there", |tally| tally.settled_messages() >= 2).await;
    let received: Vec<_> = client.tally().messages.values().map(|(_, payload)| payload.clone()).collect();
    assert_eq!(received, ["{\"first\": 1}", "[2, 3]"]);
    eventually("the malformed line is counted", || async {
        let metrics = Metrics::of(server.http).await;
        (metrics.sum("sluice_feed_rejected_total", &["feed=\"stdin\""]) > 0.5).then_some(())
    })
    .await;
    let told =
        server.log().lines().into_iter().filter(|line| line.contains("line=2") || line.contains("line 2"));
    assert_eq!(told.count(), 1, "{:#?}", server.log().lines());
    assert_eq!(server.log().errors(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_says_goodbye_to_every_lane_and_ends_with_zero() {
    let mut server = ServerProcess::start::<&str>(&[]).await;
    let target = Target::of(server.http).await.expect("the server tells where it is");
    let mut clients = Vec::new();
    for mode in NATIVE {
        let client =
            Client::connect(&target, Lane::new(mode, feed(500, 70))).await.expect("the server accepts");
        client.until_settled(50).await;
        clients.push((mode, client));
    }
    server.interrupt();
    let status = server.until_ended(PATIENCE).await;
    assert_eq!(status.code(), Some(0), "{:#?}", server.log().lines());
    for (mode, client) in &clients {
        let closed = client.until_closed().await;
        assert_eq!(closed.code, Some(CloseCode::GoingAway.webtransport()), "{mode}: {closed:?}");
        let tally = client.tally();
        assert!(tally.goodbyes.iter().any(|goodbye| goodbye.code == CloseCode::GoingAway), "{mode}");
        tally.assert_sound();
    }
    assert_eq!(server.log().errors(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_a_server_whose_clients_read_nothing() {
    let mut server = ServerProcess::start::<&str>(&[]).await;
    let target = Target::of(server.http).await.expect("the server tells where it is");
    let mut stuck = Vec::new();
    for mode in NATIVE {
        let lane = Lane::new(mode, feed(10_000, 71)).pace(Pace::Never).window(10_000_000, 10 << 30);
        stuck.push(Client::connect(&target, lane).await.expect("the server accepts"));
    }
    let fast = Client::connect(&target, Lane::new(Mode::WebSocket, feed(10_000, 71))).await.expect("accepts");
    fast.until_settled(20_000).await;
    server.interrupt();
    let status = server.until_ended(PATIENCE).await;
    assert_eq!(status.code(), Some(0), "{:#?}", server.log().lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_nothing_cost_no_memory_that_grows() {
    const STUCK: u64 = 20;
    let server = ServerProcess::start::<&str>(&[]).await;
    let target = Target::of(server.http).await.expect("the server tells where it is");
    // What the feed's log may keep is reached before the measurement, so that only clients can make memory grow.
    let spec = [FeedSpec::Ticks(TicksSpec { rate: 4_000, size: 1_024, streams: 1, keys: 1, seed: 72 })];
    let fast = Client::connect(&target, Lane::new(Mode::WebSocket, spec)).await.expect("the server accepts");
    fast.until_settled(18_000).await;
    let before = must("reading memory", resident_bytes(server.id()));
    let mut stuck = Vec::new();
    for mode in NATIVE.into_iter().cycle().take(STUCK as usize) {
        let lane = Lane::new(mode, spec).pace(Pace::Never).window(10_000_000, 10 << 30);
        stuck.push(Client::connect(&target, lane).await.expect("the server accepts"));
    }
    fast.until_settled(12_000).await;
    let after = must("reading memory", resident_bytes(server.id()));
    // Each would have been sent 12 MB, had it read.
    let each = after.saturating_sub(before) / STUCK;
    assert!(each < 2 << 20, "{each} bytes for each client that reads nothing");
    fast.tally().assert_sound();
    assert_eq!(server.log().errors(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_ends_with_two_and_one_line() {
    for args in [&["serve", "--http", "nonsense"][..], &["serve", "--feed", "sky"], &["no-such-command"]] {
        let ran = std::process::Command::new(server_binary()).args(args).output();
        let ran = must("running the server", ran);
        assert_eq!(ran.status.code(), Some(2), "{args:?}: {ran:?}");
        assert!(!ran.stderr.is_empty() && ran.stdout.is_empty(), "{args:?}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_ends_with_one_and_says_which() {
    let server = ServerProcess::start::<&str>(&[]).await;
    let taken = server.http.to_string();
    let ran = std::process::Command::new(server_binary()).args(["serve", "--http", &taken]).output();
    let ran = must("running the server", ran);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(said.contains(&taken), "{said}");
}
