//! WebSocket clients that answer nothing are noticed when the server is told to look.

use std::time::Duration;

use sluice_shared::mode::Mode;
use sluice_shared::wire::{ClientItem, CloseCode};
use sluice_tests::client::{Client, Lane};
use sluice_tests::connection::encoded;
use sluice_tests::deadline::{eventually, in_time, must};
use sluice_tests::metrics::Metrics;
use sluice_tests::process::ServerProcess;
use sluice_tests::raw::hello;
use sluice_tests::target::Target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::feed;

const INTERVAL: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_millis(700);
/// A busy machine is late; that the bound holds without it is seen in virtual time.
const SLACK: Duration = Duration::from_secs(5);

/// A client that reads everything, opens a session, and then answers nothing, not even pings.
async fn mute(server: &ServerProcess) -> TcpStream {
    let mut stream = must("connecting", TcpStream::connect(server.http).await);
    let request = format!(
        "GET /ws HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.http
    );
    let item = encoded(&ClientItem::Hello(hello(Mode::WebSocket, feed(50, 70))));
    let length = u8::try_from(item.len()).ok().filter(|length| *length < 126).expect("a Hello is short");
    // One masked binary frame (RFC 6455 §5.2), whose masking key of zeros leaves the payload as it is.
    let frame = [&[0x82, 0x80 | length, 0, 0, 0, 0], item.as_ref()].concat();
    must("saying Hello", stream.write_all(&[request.as_bytes(), &frame].concat()).await);
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_answers_no_ping_is_dead_within_interval_and_timeout() {
    let server = ServerProcess::start(&["--ping-interval", "500ms", "--ping-timeout", "700ms"]).await;
    let target = Target::of(server.http).await.expect("the server tells where it is");
    let bystander =
        Client::connect(&target, Lane::new(Mode::WebSocket, feed(50, 71))).await.expect("the server accepts");
    let mut stream = mute(&server).await;
    let spoke_at = Instant::now();
    let close = CloseCode::Unresponsive.websocket().to_be_bytes();
    let reason_at = |received: &[u8]| Some(received.windows(2).rposition(|pair| pair == close)? + 2);
    let mut received = Vec::new();
    while reason_at(&received).is_none() {
        let read = in_time("the server gives the client up", stream.read_buf(&mut received)).await;
        assert!(must("reading", read) > 0, "no close frame, but the end");
    }
    let noticed_after = spoke_at.elapsed();
    assert!(noticed_after >= TIMEOUT, "given up after {noticed_after:?}");
    assert!(noticed_after <= INTERVAL + TIMEOUT + SLACK, "noticed after {noticed_after:?}");
    must("reading to the end", in_time("the server hangs up", stream.read_to_end(&mut received)).await);
    let reason = received.get(reason_at(&received).unwrap_or_default()..).unwrap_or_default();
    let reason = String::from_utf8_lossy(reason).into_owned();
    assert!(reason.starts_with("nothing was heard for 700ms after a ping"), "{reason}");
    eventually("the death is counted", || async {
        let closed = Metrics::of(server.http).await;
        let closed = closed.sum("sluice_sessions_closed_total", &["reason=\"unresponsive\""]);
        (closed >= 1.0).then_some(())
    })
    .await;
    bystander.until_settled(50).await;
    assert_eq!(bystander.tally().welcomes.len(), 1, "whoever answers is not sent away");
}
