//! The receiver decides how much is sent.

use std::time::Duration;

use bytes::Bytes;
use sluice_shared::flow::WindowMode;
use sluice_shared::mode::Mode;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::{ClientItem, Hello, Ping, ServerControl, ServerItem, ServerSample, Waiting};
use sluice_tests::client::{Client, Lane, Pace};
use sluice_tests::connection::encoded;
use sluice_tests::raw::{Raw, hello};
use sluice_tests::server::Server;
use sluice_tests::tally::Tally;

use crate::{NATIVE, feed};

const fn is_no_credit(sample: &ServerSample) -> bool {
    matches!(sample.waiting, Waiting::NoCredit { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_holds_no_more_than_its_window_and_disturbs_nobody() {
    const WINDOW: Amount = Amount::new(32, 256 * 1024);
    let server = Server::start().await;
    for mode in NATIVE {
        let slow = Lane::new(mode, feed(1_000, 10))
            .pace(Pace::Delay(Duration::from_millis(5)))
            .window(WINDOW.messages, WINDOW.bytes);
        let slow = Client::connect(&server.target, slow).await.expect("the server accepts");
        let fast = Client::connect(&server.target, Lane::new(mode, feed(1_000, 10))).await.expect("accepts");
        slow.until("the feed is far ahead of the slow reader", |tally| {
            tally.samples.last().is_some_and(|sample| sample.backlog.held.messages >= 1_000)
        })
        .await;
        fast.until("nothing is on the way", Tally::has_no_holes).await;

        let (slow, fast) = (slow.tally(), fast.tally());
        slow.assert_sound();
        assert!(slow.inbox_most.fits_within(WINDOW), "{mode}: {:?}", slow.inbox_most);
        assert!(slow.inbox_most.messages >= WINDOW.messages / 2, "{mode}: {:?}", slow.inbox_most);
        let starved = slow.samples.iter().filter(|sample| is_no_credit(sample)).count();
        assert!(starved * 2 > slow.samples.len(), "{mode}: {starved} of {}", slow.samples.len());
        assert!(slow.samples.iter().all(|sample| sample.sent.fits_within(sample.limit)), "{mode}");
        if mode.is_reliable() {
            fast.assert_complete();
        }
        let (theirs, its) = (fast.age.quantile_micros(0.99), slow.age.quantile_micros(0.99));
        assert!(theirs * 4 < its, "{mode}: p99 {theirs} µs beside a slow reader with {its} µs");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_grant_nothing_is_sent_and_the_session_stays() {
    let server = Server::start().await;
    for mode in NATIVE {
        let (mut raw, _) = Raw::welcomed(&server.target, hello(mode, feed(1_000, 11))).await;
        let mut starved = 0;
        raw.until("the server says five times that it has no credit", |item| match item {
            ServerItem::Control(ServerControl::Sample(sample)) => {
                assert_eq!(sample.sent, Amount::ZERO, "{mode}");
                starved += usize::from(is_no_credit(&sample));
                (starved == 5).then_some(())
            }
            ServerItem::Message { .. } => panic!("{mode}: a message without credit"),
            ServerItem::Batch(_) | ServerItem::Control(_) => None,
        })
        .await;
        raw.say(&grant(Amount::new(10, 1 << 20), 0)).await;
        for _ in 0..10 {
            raw.next_message().await;
        }
        let mut after = 0;
        raw.until("the server waits again", |item| match item {
            ServerItem::Control(ServerControl::Sample(sample)) if is_no_credit(&sample) => {
                after += 1;
                (after == 3).then(|| assert_eq!(sample.sent.messages, 10, "{mode}"))
            }
            ServerItem::Message { .. } => panic!("{mode}: an eleventh message"),
            ServerItem::Batch(_) | ServerItem::Control(_) => None,
        })
        .await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_in_bytes_binds_as_well() {
    let server = Server::start().await;
    for mode in NATIVE {
        let limit = Amount::new(1_000_000, 1_000);
        let hello = Hello { limit, ..hello(mode, feed(1_000, 12)) };
        let (mut raw, _) = Raw::welcomed(&server.target, hello).await;
        let sent = raw
            .until("the server has no credit", |item| match item {
                ServerItem::Control(ServerControl::Sample(sample)) if is_no_credit(&sample) => {
                    Some(sample.sent)
                }
                ServerItem::Message { .. } | ServerItem::Batch(_) | ServerItem::Control(_) => None,
            })
            .await;
        // A message of 64 bytes is an item of 70 to 80 bytes.
        assert!((10..=14).contains(&sent.messages) && sent.bytes <= limit.bytes, "{mode}: {sent:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_goes_backwards_changes_nothing() {
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::OneStream] {
        let hello = Hello { limit: Amount::new(50, 1 << 20), ..hello(mode, feed(1_000, 13)) };
        let (mut raw, _) = Raw::welcomed(&server.target, hello).await;
        raw.say(&grant(Amount::new(5, 1), 0)).await;
        raw.say(&grant(Amount::ZERO, 0)).await;
        for _ in 0..50 {
            raw.next_message().await;
        }
        raw.say(&grant(Amount::new(60, 1 << 20), 0)).await;
        for _ in 0..10 {
            raw.next_message().await;
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_can_change_while_messages_flow() {
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::StreamPerMessage] {
        let lane =
            Lane::new(mode, feed(1_000, 17)).pace(Pace::Delay(Duration::from_millis(5))).window(4, 1 << 20);
        let client = Client::connect(&server.target, lane).await.expect("the server accepts");
        client.until_settled(50).await;
        assert!(client.tally().inbox_most.messages <= 4, "{mode}: {:?}", client.tally().inbox_most);
        client.set_window(WindowMode::Fixed(Amount::new(64, 1 << 20))).await;
        client.until("the inbox takes more", |tally| tally.inbox_most.messages >= 32).await;
        client.until_settled(50).await;
        assert!(client.tally().inbox_most.messages <= 64, "{mode}: {:?}", client.tally().inbox_most);
        client.tally().assert_sound();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_never_reads_disturbs_nobody() {
    let server = Server::start().await;
    for mode in NATIVE {
        let stuck = Lane::new(mode, feed(2_000, 14)).pace(Pace::Never).window(10_000_000, 10 << 30);
        let stuck = Client::connect(&server.target, stuck).await.expect("the server accepts");
        let fast = Client::connect(&server.target, Lane::new(mode, feed(2_000, 14))).await.expect("accepts");
        fast.until_settled(5_000).await;
        fast.until("everything is accounted for", Tally::has_no_holes).await;
        if mode.is_reliable() {
            fast.tally().assert_complete();
        }
        assert_eq!(stuck.tally().consumed, Amount::ZERO);
        // What it left unread was kept for it, as far as the log goes, or is reported.
        stuck.set_pace(Pace::AtOnce).await;
        stuck.until_settled(2_000).await;
        stuck.tally().assert_sound();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_heartbeats_is_answered_to_the_last() {
    const FLOOD: u64 = 30_000;
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::OneStream] {
        let fast = Client::connect(&server.target, Lane::new(mode, feed(500, 15))).await.expect("accepts");
        let (mut raw, _) = Raw::welcomed(&server.target, hello(mode, feed(500, 15))).await;
        let speaker = raw.speaker.clone();
        let flood = async move {
            for nonce in 1..=FLOOD {
                speaker.item(&ClientItem::Ping(Ping { nonce, sent_at: Time::ZERO })).await;
            }
        };
        let mut answers = 0;
        let last = raw.until("the last answer", |item| match item {
            ServerItem::Control(ServerControl::Pong(pong)) => {
                answers += 1;
                (pong.nonce == FLOOD).then_some(())
            }
            ServerItem::Control(_) | ServerItem::Batch(_) | ServerItem::Message { .. } => None,
        });
        tokio::join!(flood, last);
        assert!(answers <= FLOOD, "{mode}: {answers} answers to {FLOOD} questions");
        fast.until_settled(200).await;
        fast.tally().assert_complete();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_floods_and_never_reads_is_held_back() {
    const MOST: usize = 64 << 20;
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::OneStream] {
        let fast = Client::connect(&server.target, Lane::new(mode, feed(500, 16))).await.expect("accepts");
        let (raw, _) = Raw::welcomed(&server.target, hello(mode, feed(500, 16))).await;
        raw.connection.set_reading(false);
        let ping = encoded(&ClientItem::Ping(Ping { nonce: 1, sent_at: Time::ZERO }));
        let flood = Bytes::from(ping.repeat(16 * 1024 / ping.len()));
        let mut taken = 0;
        while tokio::time::timeout(Duration::from_secs(2), raw.speaker.bytes(flood.clone())).await.is_ok() {
            taken += flood.len();
            assert!(taken < MOST, "{mode}: the server took {taken} bytes of a client that reads no answers");
        }
        fast.until_settled(200).await;
        fast.tally().assert_complete();
    }
    server.stop().await;
}

/// A grant of `limit` by a client that has consumed `received` messages; the bytes are not told.
const fn grant(limit: Amount, received: u64) -> ClientItem {
    let received = Amount::new(received, 0);
    ClientItem::Grant { limit, received, consumed: received }
}
