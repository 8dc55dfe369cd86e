//! Continuity certificates of real connections, whatever happens to them.

use std::time::Duration;

use sluice_shared::certificate::Verdict;
use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::lab::Congestion;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_tests::client::{Client, Lane, Pace};
use sluice_tests::deadline::PATIENCE;
use sluice_tests::lab::Lab;
use sluice_tests::process::ServerProcess;
use sluice_tests::server::Server;
use sluice_tests::target::Target;

use crate::{NATIVE, feed};

/// The digests agree, and so does the account that the test keeps for itself.
async fn certify(client: &Client) -> Verdict {
    let certificate = client.certify(PATIENCE).await;
    client.tally().assert_certified(&certificate);
    client.tally().assert_sound();
    certificate.verdict
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_and_policy_is_certified_while_data_flow() {
    const SLOW: Pace = Pace::Delay(Duration::from_millis(2));
    let server = Server::start().await;
    for policy in
        [Policy::Lossless, Policy::Latest, Policy::DropOldest { limit: 8 }, Policy::DropNewest { limit: 8 }]
    {
        let mut clients = Vec::new();
        for mode in NATIVE {
            // Half as fast as the feed, so that a policy that drops has to.
            let pace = if policy == Policy::Lossless { Pace::AtOnce } else { SLOW };
            let lane = Lane::new(mode, feed(1_000, 80)).policy(policy).pace(pace).window(16, 1 << 20);
            clients.push((mode, Client::connect(&server.target, lane).await.expect("the server accepts")));
        }
        for (mode, client) in &clients {
            client.until_settled(400).await;
            let first = client.certify(PATIENCE).await;
            client.until_settled(100).await;
            let second = client.certify(PATIENCE).await;
            let tally = client.tally();
            for certificate in [&first, &second] {
                tally.assert_certified(certificate);
                assert_eq!(certificate.streams.len(), 4, "{mode}");
                let has_gaps = certificate.verdict == Verdict::WithGaps;
                let drops = policy != Policy::Lossless;
                assert!(has_gaps == drops || !mode.is_reliable(), "{mode}, {policy}: {certificate:?}");
            }
            let produced = |index: usize| [&first, &second][index].total(|stream| stream.produced.count());
            assert!(produced(0) >= 400 && produced(1) > produced(0), "{mode}: a later cut lies further on");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_outlives_cuts_zombies_and_changes_of_transport() {
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::OneStream, Mode::StreamPerTopic, Mode::StreamPerMessage] {
        let other = if mode == Mode::WebSocket { Mode::StreamPerMessage } else { Mode::WebSocket };
        let pace = Pace::Delay(Duration::from_micros(300));
        let lane = Lane::new(mode, feed(1_000, 81)).pace(pace);
        let client = Client::connect(&server.target, lane).await.expect("the server accepts");
        client.until_settled(100).await;
        for (turn, next) in [other, mode, other].into_iter().enumerate() {
            // The connection may be cut before the server has answered, or before everything is consumed.
            client.begin_certificate().await;
            client.cut().await;
            client.abandon().await;
            client.move_to(&server.target, next).await;
            client.until("a certificate is issued", |tally| tally.certificates.len() > turn).await;
        }
        let connections = {
            let tally = client.tally();
            tally.certificates.iter().for_each(|certificate| {
                assert_eq!(certificate.verdict, Verdict::Continuous, "{mode}: {}", certificate.to_json());
                tally.assert_certified(certificate);
            });
            tally.certificates.iter().map(|certificate| certificate.connections).collect::<Vec<_>>()
        };
        assert!(connections.is_sorted() && connections[2] >= 3, "{mode}: {connections:?}");
        assert_eq!(certify(&client).await, Verdict::Continuous, "{mode}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_begun_in_a_tunnel_is_issued_behind_it() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":20,"loss_percent":1}}"#).await;
    let mut clients = Vec::new();
    for (lane, mode) in (0..).zip(NATIVE) {
        let target = lab.target(lane, Congestion::Cubic);
        let lane = Lane::new(mode, feed(200, 82)).coming_back();
        clients.push((mode, Client::connect(&target, lane).await.expect("the server accepts")));
    }
    for (_, client) in &clients {
        client.until_settled(50).await;
    }
    lab.event(r#"{"event":"tunnel","seconds":2}"#).await;
    lab.event(r#"{"event":"switch-network"}"#).await;
    for (_, client) in &clients {
        client.begin_certificate().await;
    }
    for (mode, client) in &clients {
        client.until("a certificate is issued", |tally| !tally.certificates.is_empty()).await;
        let tally = client.tally();
        tally.assert_certified(&tally.certificates[0]);
        let is_whole = tally.certificates[0].verdict == Verdict::Continuous;
        assert!(is_whole || !mode.is_reliable(), "{mode}: {}", tally.certificates[0].to_json());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_voids_a_certificate_and_the_next_one_is_of_the_new_life() {
    let mut server = ServerProcess::start::<&str>(&[]).await;
    let target = Target::of(server.http).await.expect("the server tells where it is");
    let mut clients = Vec::new();
    for mode in NATIVE {
        let lane = Lane::new(mode, feed(500, 83)).coming_back();
        clients.push((mode, Client::connect(&target, lane).await.expect("the server accepts")));
    }
    for (_, client) in &clients {
        client.until_settled(50).await;
        assert_ne!(certify(client).await, Verdict::EpochChanged);
    }
    server.kill().await;
    for (_, client) in &clients {
        // Nobody can answer before there is a server again, and that one knows nothing of these positions.
        client.begin_certificate().await;
    }
    let _server = ServerProcess::start_at(target.http, target.quic.expect("it has WebTransport")).await;
    let again = Target::of(target.http).await.expect("the server tells where it is");
    for (mode, client) in &clients {
        client.move_to(&again, *mode).await;
        client.until("the certificate is void", |tally| tally.certificates.len() > 1).await;
        let void = client.tally().certificates[1].clone();
        assert_eq!((void.verdict, void.streams.len()), (Verdict::EpochChanged, 0), "{mode}");
        client.until_settled(50).await;
        let renewed = client.certify(PATIENCE).await;
        client.tally().assert_certified(&renewed);
        assert_ne!(renewed.epoch, void.epoch, "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drops_without_a_word_gets_no_clean_certificate() {
    for (mode, seed) in [(Mode::WebSocket, 84), (Mode::OneStream, 85)] {
        // A server has one such exhibit at a time, and hears of its end a little after the client.
        let server = Server::start().await;
        // Far more than the consumer takes, and soon more than any buffer on the way holds.
        let spec = TicksSpec { rate: 1_000, size: 16_000, streams: 2, keys: 1, seed };
        let policy = Policy::SilentDrop { limit: 16 };
        let lane = Lane::new(mode, [FeedSpec::Ticks(spec)]).policy(policy);
        let lane = lane.pace(Pace::Reads(Duration::from_millis(5)));
        let client = Client::connect(&server.target, lane).await.expect("the server accepts");
        client.until("holes are found", |tally| tally.lost > 100).await;
        client.set_pace(Pace::AtOnce).await;
        let certificate = client.certify(PATIENCE).await;
        let lost = certificate.total(|stream| stream.lost.count());
        assert_eq!(certificate.verdict, Verdict::Lost, "{mode}: {}", certificate.to_json());
        let found = client.tally().lost;
        assert!((101..=found).contains(&lost), "{mode}: {}", client.tally().summary());
        assert_ne!(certificate.digest_server(), certificate.digest_client(), "{mode}");
        server.stop().await;
    }
}
