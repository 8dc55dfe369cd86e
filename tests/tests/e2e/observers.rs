//! Reports of a lab over a WebSocket: the same as the server-sent events, without holding an HTTP connection.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::Method;
use sluice_shared::lab::{Congestion, FrameEvent, LabReport};
use sluice_shared::mode::Mode;
use sluice_tests::client::{Client, Lane};
use sluice_tests::connection::ConnectError;
use sluice_tests::deadline::{eventually, in_time, must};
use sluice_tests::http;
use sluice_tests::lab::{Lab, flow_of};
use sluice_tests::observer::Observer;
use sluice_tests::server::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::feed;

/// Most streams of reports of a lab at a time.
const MOST: usize = 4;

fn watch_path(lab: &Lab) -> String {
    format!("/api/labs/{}/watch", lab.view.id)
}

/// Sends an upgrade of `version` and nothing more; returns the connection and the head of the response.
async fn upgraded(server: SocketAddr, path: &str, version: &str) -> (TcpStream, String) {
    let mut stream = must("connecting", TcpStream::connect(server).await);
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {server}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: {version}\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    must("asking", stream.write_all(request.as_bytes()).await);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(must("reading", in_time("the response", stream.read_u8()).await));
    }
    (stream, String::from_utf8_lossy(&head).to_lowercase())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_gets_the_reports_that_an_event_stream_gets() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let target = lab.target(3, Congestion::Cubic);
    let client =
        Client::connect(&target, Lane::new(Mode::WebSocket, feed(200, 150))).await.expect("accepted");
    client.until_settled(10).await;
    let (mut observer, mut events) = (lab.observe().await, lab.watch().await);
    observer.until("the lane is reported", |report: &LabReport| flow_of(report, 3).is_some()).await;
    events.until("the lane is reported", |report| flow_of(report, 3).is_some()).await;
    lab.event(r#"{"event":"block-udp","blocked":true}"#).await;
    let by_socket = observer.until("UDP is blocked", |report: &LabReport| report.is_udp_blocked).await;
    let by_events = events.until("UDP is blocked", |report| report.is_udp_blocked).await;
    assert_eq!(by_socket.flows.len(), by_events.flows.len());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_are_refused_and_the_servers_own_are_not() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let at = server.target.http;
    let frames = format!("/api/labs/{}/frames?lane=0", lab.view.id);
    for path in [watch_path(&lab), frames, "/api/labs/none/watch".to_owned()] {
        for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
            match Observer::open(at, &path, Some(origin)).await {
                Err(ConnectError::Refused { status: 403, body }) => {
                    assert!(body.contains("pages of "), "{body}")
                }
                other => panic!("{path} from {origin}: {other:?}"),
            }
        }
    }
    let own = format!("http://{at}");
    let mut observer = must("opening", Observer::open(at, &watch_path(&lab), Some(&own)).await);
    must("a report", observer.next::<LabReport>().await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_close_frame_says_that_the_lab_has_ended_and_that_there_is_none() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let mut observer = lab.observe().await;
    must("a report", observer.next::<LabReport>().await);
    assert_eq!(lab.call(Method::DELETE, "", "").await.status, 204);
    let end = observer.end().await;
    assert_eq!((end.code, end.reason.as_str()), (1000, "the lab has ended"));
    let end = lab.observe().await.end().await;
    assert_eq!(end.code, 4000, "{end:?}");
    assert!(end.reason.starts_with("there is no lab "), "{end:?}");
    let stopped = Lab::open(&server.target, "{}").await;
    let mut observer = stopped.observe().await;
    must("a report", observer.next::<LabReport>().await);
    let ((), end) = tokio::join!(server.stop(), observer.end());
    assert_eq!((end.code, end.reason.as_str()), (1001, "the server stops"));
}

#[tokio::test(flavor = "multi_thread")]
async fn observers_and_event_streams_share_one_bound_and_leaving_makes_room() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let mut events = lab.watch().await;
    events.next().await.expect("a report");
    let mut observers = Vec::new();
    for _ in 1..MOST {
        let mut observer = lab.observe().await;
        must("a report", observer.next::<LabReport>().await);
        observers.push(observer);
    }
    let end = lab.observe().await.end().await;
    assert_eq!(end.code, 1013, "{end:?}");
    assert!(end.reason.contains("too many streams"), "{end:?}");
    let refused = http::get(server.target.http, &watch_path(&lab), &[]).await.expect("an answer");
    assert_eq!(refused.status, 429, "{}", refused.text());
    // The connection is cut without a close frame, as by a browser that is killed.
    drop(observers.pop());
    eventually("who has gone makes room", async || lab.observe().await.next::<LabReport>().await.ok()).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn observers_that_do_not_read_are_closed_and_keep_no_place() {
    let server = Server::with(|config| {
        config.pings.interval = Duration::from_millis(500);
        config.pings.timeout = Duration::from_millis(700);
    })
    .await;
    let lab = Lab::open(&server.target, "{}").await;
    let mut idle = Vec::new();
    for _ in 0..MOST {
        let (stream, head) = upgraded(server.target.http, &watch_path(&lab), "13").await;
        assert!(head.starts_with("http/1.1 101"), "{head}");
        idle.push(stream);
    }
    let mut observer = eventually("an idle one has been closed", async || {
        let mut observer = lab.observe().await;
        observer.next::<LabReport>().await.ok()?;
        Some(observer)
    })
    .await;
    let mut received = Vec::new();
    must("reading", in_time("the end", idle.remove(0).read_to_end(&mut received)).await);
    let close = [&4001_u16.to_be_bytes()[..], b"nothing was heard for 700ms after a ping"].concat();
    assert!(received.ends_with(&close), "{} bytes without such a close frame", received.len());
    // Whoever answers stays: over several intervals.
    for _ in 0..30 {
        must("a report", observer.next::<LabReport>().await);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_come_over_a_websocket_and_the_newest_observer_has_them() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let target = lab.target(5, Congestion::Cubic);
    let client =
        Client::connect(&target, Lane::new(Mode::WebSocket, feed(100, 151))).await.expect("accepted");
    client.until_settled(10).await;
    let path = format!("/api/labs/{}/frames?lane=5", lab.view.id);
    let open = async || must("opening", Observer::open(server.target.http, &path, None).await);
    let mut first = open().await;
    let event = first.until("frames", |event: &FrameEvent| !event.frames.is_empty()).await;
    assert!(event.down.messages > 0, "{event:?}");
    let mut second = open().await;
    second.until("frames", |event: &FrameEvent| !event.frames.is_empty()).await;
    let end = first.end().await;
    assert_eq!(end.code, 4002, "{end:?}");
    let end = must("opening", Observer::open(server.target.http, &path.replace("=5", "=6"), None).await)
        .end()
        .await;
    assert_eq!(end.code, 4000, "{end:?}");
    assert!(end.reason.starts_with("lane 6 has no WebSocket"), "{end:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upgrades_out_of_order_and_messages_are_refused() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let (_, head) = upgraded(server.target.http, &watch_path(&lab), "8").await;
    assert!(head.starts_with("http/1.1 426"), "{head}");
    assert!(head.contains("sec-websocket-version: 13"), "{head}");
    let mut observer = lab.observe().await;
    observer.send("hello").await;
    assert_eq!(observer.end().await.code, 1002);
    server.stop().await;
}
