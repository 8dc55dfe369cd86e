//! What the server says about itself.

use sluice_shared::mode::Mode;
use sluice_shared::wire::{ClientItem, PROTOCOL_VERSION};
use sluice_tests::client::{Client, Lane};
use sluice_tests::connection::encoded;
use sluice_tests::deadline::{eventually, must};
use sluice_tests::http;
use sluice_tests::metrics::Metrics;
use sluice_tests::raw::{Raw, hello};
use sluice_tests::server::Server;

use crate::feed;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_received_is_what_the_server_counts() {
    let server = Server::start().await;
    for mode in Mode::ALL {
        let client = Client::connect(&server.target, Lane::new(mode, feed(500, 60))).await.expect("accepts");
        client.until_settled(300).await;
        let received = client.tally().consumed;
        let mode_label = format!("mode=\"{mode}\"");
        let metrics = Metrics::of(server.target.http).await;
        assert!(
            metrics.sum("sluice_messages_sent_total", &[&mode_label]) >= received.messages as f64,
            "{mode}"
        );
        assert!(metrics.sum("sluice_bytes_sent_total", &[&mode_label]) >= received.bytes as f64, "{mode}");
        assert!((metrics.sum("sluice_sessions", &[&mode_label]) - 1.0).abs() < 0.5, "{mode}");
        client.close().await;
        eventually("the session is gone", || async {
            let metrics = Metrics::of(server.target.http).await;
            (metrics.sum("sluice_sessions", &[&mode_label]) < 0.5).then_some(())
        })
        .await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_can_make_metrics_grow() {
    let server = Server::start().await;
    for mode in Mode::ALL {
        let client = Client::connect(&server.target, Lane::new(mode, feed(500, 61))).await.expect("accepts");
        client.until_settled(10).await;
    }
    let before = Metrics::of(server.target.http).await;
    for seed in 1_000..1_020 {
        for mode in [Mode::WebSocket, Mode::OneStream] {
            drop(Raw::welcomed(&server.target, hello(mode, feed(10, seed))).await);
            let mut raw = Raw::open(&server.target, mode).await.expect("the server accepts");
            raw.speaker.bytes(encoded(&ClientItem::Lost { first: seed, count: seed })).await;
            raw.until_closed().await;
        }
        let path = format!("/{seed}?x={seed}");
        must("asking", http::get(server.target.http, &path, &[("user-agent", &path)]).await);
    }
    let after = Metrics::of(server.target.http).await;
    let new: Vec<_> = after.series().keys().filter(|series| !before.series().contains_key(*series)).collect();
    assert!(new.len() <= 8, "twenty clients made series of their own: {new:#?}");
    assert!(after.series().len() < 300, "{} series", after.series().len());
    assert!(after.series().keys().all(|series| series.starts_with("sluice_")), "{:#?}", after.series());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_small_pages_answer() {
    let server = Server::start().await;
    let health = must("asking", http::get(server.target.http, "/healthz", &[]).await);
    assert_eq!(health.status, 200);
    let info = server.info().await;
    assert_eq!(info.protocol, PROTOCOL_VERSION);
    assert_eq!(info.quic_port, server.target.quic.map(|quic| quic.port()));
    let missing = must("asking", http::get(server.target.http, "/no/such/page", &[]).await);
    assert_eq!(missing.status, 404);
    let metrics = must("asking", http::get(server.target.http, "/metrics", &[]).await);
    assert!(metrics.header("content-type").contains("text"), "{:?}", metrics.headers);
    server.stop().await;
}
