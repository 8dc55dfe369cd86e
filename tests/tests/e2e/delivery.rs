//! Every mode delivers the feed, whole.

use std::collections::BTreeMap;

use sluice_shared::feed::{FeedSpec, HostSample, TicksSpec};
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::units::Amount;
use sluice_shared::wire::{Continuity, GapReason, Hop};
use sluice_tests::client::{Client, Lane};
use sluice_tests::server::Server;
use sluice_tests::tally::{StreamTally, Tally};

use crate::{feed, ticks};

#[tokio::test(flavor = "multi_thread")]
async fn what_has_left_waits_nowhere() {
    let server = Server::start().await;
    for mode in Mode::ALL {
        let lane = Lane::new(mode, feed(20, 2));
        let client = Client::connect(&server.target, lane).await.expect("the server accepts");
        client
            .until("the transport holds nothing", |tally| {
                let is_empty = |hop: Hop| hop.held == Amount::ZERO && hop.oldest_age_micros == 0;
                tally.samples.iter().any(|sample| sample.sent.messages > 0 && is_empty(sample.transport))
            })
            .await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_delivers_every_message_once_and_the_same() {
    let server = Server::start().await;
    let spec = TicksSpec { rate: 1_000, size: 200, ..ticks(1_000, 1) };
    let mut clients = Vec::new();
    for mode in Mode::ALL {
        let lane = Lane::new(mode, [FeedSpec::Ticks(spec)]);
        clients.push((mode, Client::connect(&server.target, lane).await.expect("the server accepts")));
    }
    let mut messages = BTreeMap::new();
    for (mode, client) in &clients {
        client.until_settled(2_000).await;
        client.until("nothing is on the way", Tally::has_no_holes).await;
        let tally = client.tally();
        if mode.is_reliable() {
            tally.assert_complete();
        } else {
            tally.assert_sound();
            assert!(tally.gaps().keys().all(|reason| *reason == GapReason::Network), "{:?}", tally.gaps());
            assert!(tally.gaps().values().sum::<u64>() < 200, "the loopback loses much: {:?}", tally.gaps());
        }
        assert_eq!(tally.welcomes[0].continuity, Continuity::New);
        assert_eq!(tally.streams.len(), 4);
        for (place, message) in &tally.messages {
            assert_eq!(message.1.len(), 200, "{mode}");
            let first = messages.entry(*place).or_insert_with(|| message.clone());
            assert_eq!(first, message, "{mode} delivers something else at {place:?}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ticks_follow_from_their_seed() {
    let server = Server::start().await;
    let lane = Lane::new(Mode::WebSocket, feed(1_000, 2));
    let client = Client::connect(&server.target, lane).await.expect("the server accepts");
    client.until_settled(500).await;
    for ((_, seq), (key, payload)) in &client.tally().messages {
        let index = u64::from_le_bytes(payload[..8].try_into().expect("eight bytes"));
        assert_eq!(index / 4, seq.0, "four streams take turns");
        assert!(key.0 < 8);
        let value = f64::from_le_bytes(payload[8..16].try_into().expect("eight bytes"));
        assert!(value.is_finite());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_reports_the_servers_side() {
    let server = Server::start().await;
    for mode in Mode::ALL {
        let lane = Lane::new(mode, feed(500, 3));
        let client = Client::connect(&server.target, lane).await.expect("the server accepts");
        client
            .until("samples and heartbeats", |tally| tally.samples.len() >= 5 && tally.heartbeats >= 2)
            .await;
        assert_reported(mode, &client.tally());
        client.close().await;
    }
    server.stop().await;
}

fn assert_reported(mode: Mode, tally: &Tally) {
    let facts = &tally.welcomes[0].facts;
    assert_eq!(facts.encrypted, mode.transport() == Transport::WebTransport, "{mode}");
    let sample = tally.samples.last().expect("five came");
    assert!(sample.sent.messages > 0, "{mode}: {sample:?}");
    assert!(sample.sent.fits_within(sample.limit), "{mode}: {sample:?}");
    assert!(sample.path.rtt_micros.is_some(), "{mode}: {sample:?}");
    assert!(sample.path.congestion_window.is_some_and(|window| window > 0), "{mode}: {sample:?}");
    assert!(facts.congestion_control.is_some(), "{mode}: {facts:?}");
    let in_order = tally.samples.windows(2).all(|pair| pair[0].server_now < pair[1].server_now);
    assert!(in_order, "{mode}: samples came out of order");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_feed_tells_this_machines_values() {
    let server = Server::start().await;
    let mut sizes = Vec::new();
    for mode in [Mode::WebSocket, Mode::Datagrams] {
        let client = Client::connect(&server.target, Lane::new(mode, [FeedSpec::Host]))
            .await
            .expect("the server accepts");
        client.until_settled(5).await;
        for (_, payload) in client.tally().messages.values() {
            let sample: HostSample = postcard::from_bytes(payload).expect("a reading");
            assert!((0.0..=1.0).contains(&sample.cpu), "{sample:?}");
            assert!(sample.memory_total > 64 * 1024 * 1024, "{sample:?}");
            assert!((1..=sample.memory_total).contains(&sample.memory_used), "{sample:?}");
            for rate in [sample.network_in, sample.network_out, sample.disk_read, sample.disk_write] {
                assert!(rate.is_finite() && rate >= 0.0, "{sample:?}");
            }
            sizes.push(sample.memory_total);
        }
    }
    assert!(sizes.windows(2).all(|pair| pair[0] == pair[1]), "memory was installed meanwhile: {sizes:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_subscription_replaces_the_first() {
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::StreamPerTopic, Mode::StreamPerMessage] {
        let client =
            Client::connect(&server.target, Lane::new(mode, feed(500, 4))).await.expect("the server accepts");
        client.until_settled(100).await;
        client.set_feeds([FeedSpec::Ticks(ticks(400, 5))]).await;
        let second = |feed: FeedSpec| matches!(feed, FeedSpec::Ticks(TicksSpec { seed: 5, .. }));
        client
            .until("the second feed flows", |tally| {
                let flows = tally.streams.values().filter(|stream| second(stream.feed));
                flows.map(StreamTally::settled_messages).sum::<u64>() >= 100
            })
            .await;
        client.tally().assert_sound();
        client.close().await;
    }
    server.stop().await;
}
