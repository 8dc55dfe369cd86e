//! What labs may take, and what they leave to the next.

use hyper::Method;
use sluice_shared::lab::Congestion;
use sluice_tests::deadline::{eventually, in_time};
use sluice_tests::http;
use sluice_tests::lab::Lab;
use sluice_tests::server::Server;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_that_takes_over_the_ports_of_another_gets_every_connection() {
    let server = Server::with(|config| config.max_labs = 1).await;
    for round in 0..40 {
        let lab = Lab::open(&server.target, "{}").await;
        let through = lab.target(0, Congestion::Cubic).http;
        let answer = http::get(through, "/healthz", &[]).await;
        assert_eq!(answer.map(|answer| answer.status).ok(), Some(200), "round {round}");
        assert_eq!(lab.call(Method::DELETE, "", "").await.status, 204);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn udp_that_was_blocked_by_hand_stays_blocked_until_another_network_is_chosen() {
    let server = Server::start().await;
    let mut lab = Lab::open(&server.target, r#"{"preset":"lte"}"#).await;
    lab.event(r#"{"event":"block-udp","blocked":true}"#).await;
    for (link, is_blocked) in
        [(r#"{"change":{"delay_ms":5}}"#, true), (r#"{"seed":9}"#, true), (r#"{"preset":"lte"}"#, false)]
    {
        lab.set_link(link).await;
        assert_eq!(lab.view.is_udp_blocked, is_blocked, "{link}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn captures_that_nobody_reads_are_bounded() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    // More than sockets hold, so that a capture ends only when it is read.
    let through = lab.target(0, Congestion::Cubic).http;
    let path = format!("/api/labs/{}/capture.pcapng", lab.view.id);
    let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", server.target.http);
    eventually("the capture has grown", async || {
        for _ in 0..50 {
            let padding = "x".repeat(8_000);
            http::get(through, "/healthz", &[("x-padding", &padding)]).await.ok()?;
        }
        let capture = lab.call(Method::GET, "/capture.pcapng", "").await;
        (capture.body.len() > 12 << 20).then_some(())
    })
    .await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut reader = TcpStream::connect(server.target.http).await.expect("the server accepts");
        reader.write_all(head.as_bytes()).await.expect("written");
        in_time("it begins", reader.peek(&mut [0; 1])).await.expect("an answer");
        idle.push(reader);
    }
    let refused = lab.call(Method::GET, "/capture.pcapng", "").await;
    assert_eq!(refused.status, 429, "{}", refused.body.len());
    drop(idle);
    eventually("who has gone makes room", async || {
        (lab.call(Method::GET, "/capture.pcapng", "").await.status == 200).then_some(())
    })
    .await;
    server.stop().await;
}
