//! `sluice relay`, in front of servers that know nothing of it.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use hyper::Method;
use sluice_server::relay::{Forward, RelayConfig, Relayed, start};
use sluice_shared::lab::{LabReport, LinkRequest};
use sluice_tests::connection::ConnectError;
use sluice_tests::deadline::{eventually, in_time, must};
use sluice_tests::http;
use sluice_tests::lab::call;
use sluice_tests::observer::Observer;
use sluice_tests::process::server_binary;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// A server that returns what it gets, and closes its side when the client has closed its own.
async fn echo() -> SocketAddr {
    let listener = must("listening", TcpListener::bind("127.0.0.1:0").await);
    let address = must("its address", listener.local_addr());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                // A client that resets is one of the tests.
                let _copied = tokio::io::copy(&mut reader, &mut writer).await;
                let _closed = writer.shutdown().await;
            });
        }
    });
    address
}

fn way(upstream: SocketAddr) -> Forward {
    must("a way", format!("0={upstream}").parse())
}

async fn relay(preset: &str, tcp: Vec<Forward>, udp: Vec<Forward>) -> Relayed {
    let link = LinkRequest { preset: Some(preset.to_owned()), seed: Some(3), ..LinkRequest::default() };
    let control = Some("127.0.0.1:0".parse().expect("an address"));
    must("starting the relay", start(RelayConfig { link, tcp, udp, control, ..RelayConfig::default() }).await)
}

/// The path of the relay's lab, and where it is served.
fn control(relay: &Relayed) -> (SocketAddr, String) {
    let url = relay.control().expect("it was asked for");
    let (host, path) = url.strip_prefix("http://").expect("http").split_once('/').expect("a path");
    (host.parse().expect("an address"), format!("/{path}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_pass_whole_and_in_order_over_a_lossy_network() {
    let relay = relay("lossy-2", vec![way(echo().await)], Vec::new()).await;
    let mut client = TcpStream::connect(relay.tcp()[0]).await.expect("the relay accepts");
    let sent: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).take(200_000).collect();
    let (mut reader, mut writer) = client.split();
    let write = async {
        writer.write_all(&sent).await.expect("written");
        writer.shutdown().await.expect("closed");
    };
    let mut received = Vec::new();
    in_time("everything comes back", async { tokio::join!(write, reader.read_to_end(&mut received)) })
        .await
        .1
        .expect("read to the end");
    assert!(received == sent, "{} of {} bytes came back as they were", received.len(), sent.len());
    relay.finish().expect("nothing was captured");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_can_be_changed_while_connections_are_open() {
    let relay = relay("none", vec![way(echo().await)], Vec::new()).await;
    let mut client = TcpStream::connect(relay.tcp()[0]).await.expect("the relay accepts");
    let mut ask = async || {
        let begun = Instant::now();
        client.write_all(b"?").await.expect("written");
        in_time("the answer", client.read_u8()).await.expect("read");
        begun.elapsed()
    };
    ask().await;
    let (address, lab) = control(&relay);
    let answer = call(address, Method::PUT, &format!("{lab}/link"), r#"{"change":{"delay_ms":60}}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(ask().await >= Duration::from_millis(120), "there and back");
    let answer = call(address, Method::PUT, &format!("{lab}/link"), r#"{"preset":"nowhere"}"#).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(call(address, Method::DELETE, &lab, "").await.status, 409);
    assert_eq!(call(address, Method::POST, "/api/labs", "{}").await.status, 404);
    relay.finish().expect("nothing was captured");
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_pass_there_and_back_and_are_blocked_alone() {
    let server = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let upstream = server.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut datagram = [0; 2_048];
        while let Ok((length, from)) = server.recv_from(&mut datagram).await {
            server.send_to(&datagram[..length], from).await.expect("sent");
        }
    });
    let relay = relay("none", Vec::new(), vec![way(upstream)]).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    client.connect(relay.udp()[0]).await.expect("connected");
    client.send(b"hello").await.expect("sent");
    let mut answer = [0; 16];
    let length = in_time("the answer", client.recv(&mut answer)).await.expect("received");
    assert_eq!(&answer[..length], b"hello");
    let (address, lab) = control(&relay);
    let block = |blocked: bool| format!(r#"{{"event":"block-udp","blocked":{blocked}}}"#);
    let events = format!("{lab}/events");
    assert_eq!(call(address, Method::POST, &events, &block(true)).await.status, 204);
    client.send(b"lost").await.expect("sent");
    let dropped = async || (relay.report().flows.first()?.up.outage_drops > 0).then_some(());
    eventually("the datagram is dropped", dropped).await;
    assert_eq!(call(address, Method::POST, &events, &block(false)).await.status, 204);
    client.send(b"again").await.expect("sent");
    let length = in_time("the answer", client.recv(&mut answer)).await.expect("received");
    assert_eq!(&answer[..length], b"again");
    relay.finish().expect("nothing was captured");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_refuses_resets_its_client_and_nobody_else() {
    let closed = must("an address", TcpListener::bind("127.0.0.1:0").await);
    let nobody = closed.local_addr().expect("bound");
    drop(closed);
    let relay = relay("none", vec![way(nobody), way(echo().await)], Vec::new()).await;
    let mut other = TcpStream::connect(relay.tcp()[1]).await.expect("the relay accepts");
    // The reset may come before the socket is known to be connected.
    let ended = match TcpStream::connect(relay.tcp()[0]).await {
        Ok(mut client) => in_time("the end", client.read(&mut [0; 1])).await,
        Err(error) => Err(error),
    };
    assert!(matches!(ended, Err(_) | Ok(0)), "{ended:?}");
    other.write_all(b"!").await.expect("written");
    assert_eq!(in_time("the answer", other.read_u8()).await.expect("read"), b'!');
    relay.finish().expect("nothing was captured");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_resets_its_connection_resets_the_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let relay = relay("none", vec![way(listener.local_addr().expect("bound"))], Vec::new()).await;
    let pair = async || {
        let mut client = TcpStream::connect(relay.tcp()[0]).await.expect("the relay accepts");
        client.write_all(b"?").await.expect("written");
        let (mut server, _) = in_time("the connection", listener.accept()).await.expect("accepted");
        in_time("the question", server.read_u8()).await.expect("read");
        (client, server)
    };
    let reset = |stream: TcpStream| {
        stream.set_zero_linger().expect("a socket");
    };
    let broken = async |mut stream: TcpStream| {
        let ended = in_time("the end", stream.read(&mut [0; 1])).await;
        // An end in order would make half an answer look like a whole one.
        assert_eq!(ended.expect_err("it broke").kind(), std::io::ErrorKind::ConnectionReset);
    };
    let (client, server) = pair().await;
    reset(server);
    broken(client).await;
    let (client, server) = pair().await;
    reset(client);
    broken(server).await;
    relay.finish().expect("nothing was captured");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_control_api_refuses_is_told_as_a_problem() {
    let relay = relay("none", vec![way(echo().await)], Vec::new()).await;
    let (address, lab) = control(&relay);
    let link = format!("{lab}/link");
    for (method, path, body, status, said) in [
        (Method::POST, &lab, "{}".to_owned(), 405, "does not take POST"),
        (Method::PUT, &link, " ".repeat(65_537), 413, "limit"),
        (Method::PUT, &link, "{\"nope\":1}".to_owned(), 422, "nope"),
    ] {
        let answer = call(address, method, path, &body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().contains(said), "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    let foreign = [("origin", "http://evil.example"), ("content-type", "application/json")];
    let refused = http::post(address, &format!("{lab}/events"), &foreign, "{}").await.expect("an answer");
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("a program that is no browser"), "{}", refused.text());
    // A page of a name that stands for this machine has the control API as its own origin.
    let mut rebound = TcpStream::connect(address).await.expect("the relay accepts");
    let head =
        format!("GET {lab}/capture.pcapng HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n");
    rebound.write_all(head.as_bytes()).await.expect("written");
    let mut answer = String::new();
    in_time("the answer", rebound.read_to_string(&mut answer)).await.expect("read");
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    relay.finish().expect("nothing was captured");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_come_over_a_websocket_of_the_control_api_to_programs_alone() {
    let relay = relay("none", vec![way(echo().await)], Vec::new()).await;
    let mut client = TcpStream::connect(relay.tcp()[0]).await.expect("the relay accepts");
    client.write_all(b"?").await.expect("written");
    let (address, lab) = control(&relay);
    let path = format!("{lab}/watch");
    let mut observer = must("opening", Observer::open(address, &path, None).await);
    observer.until("the connection is reported", |report: &LabReport| report.flows.len() == 1).await;
    match Observer::open(address, &path, Some("http://evil.example")).await {
        Err(ConnectError::Refused { status: 403, body }) => {
            assert!(body.contains("a program that is no browser"), "{body}");
        }
        other => panic!("{other:?}"),
    }
    relay.finish().expect("nothing was captured");
    assert_eq!(observer.end().await.code, 1001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_cannot_start_leaves_an_earlier_capture_alone() {
    let file = std::env::temp_dir().join(format!("sluice-kept-{}.pcapng", std::process::id()));
    std::fs::write(&file, "an earlier capture").expect("written");
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let control = Some(address.parse().expect("an address"));
    let tcp = vec![way(echo().await)];
    let config = RelayConfig { tcp, control, pcapng: Some(file.clone()), ..RelayConfig::default() };
    assert!(start(config).await.is_err(), "the address is taken");
    assert_eq!(std::fs::read(&file).expect("still there"), b"an earlier capture");
    std::fs::remove_file(file).expect("removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_packet_can_be_captured() {
    let file = std::env::temp_dir().join(format!("sluice-relay-{}.pcapng", std::process::id()));
    let config =
        RelayConfig { tcp: vec![way(echo().await)], pcapng: Some(file.clone()), ..RelayConfig::default() };
    let relay = start(config).await.expect("the relay starts");
    let mut client = TcpStream::connect(relay.tcp()[0]).await.expect("the relay accepts");
    client.write_all(b"captured").await.expect("written");
    in_time("the echo", client.read_exact(&mut [0; 8])).await.expect("read");
    assert_eq!(relay.finish().expect("the file is written"), Some(0), "none came too fast");
    let bytes = std::fs::read(&file).expect("the file is there");
    std::fs::remove_file(file).expect("removed");
    // A handshake, the data there and back, and what acknowledges it, each seen at both ends.
    let packets = enhanced_packet_blocks(&bytes);
    assert!(packets >= 10, "{packets}");
    assert!(bytes.windows(8).any(|window| window == b"captured"));
}

/// How many packets a capture has (pcapng: blocks of type 6).
fn enhanced_packet_blocks(mut capture: &[u8]) -> usize {
    let mut packets = 0;
    while let [a, b, c, d, e, f, g, h, ..] = *capture {
        packets += usize::from(u32::from_le_bytes([a, b, c, d]) == 6);
        let length = u32::from_le_bytes([e, f, g, h]) as usize;
        capture = capture.get(length.max(12)..).expect("a whole block");
    }
    packets
}

#[test]
fn wrong_usage_ends_with_code_2_and_says_what_would_be_right() {
    for (arguments, said) in [
        (&["relay", "--profile", "lossy2", "--tcp", "0=80"][..], "did you mean \"lossy-2\"?"),
        (&["relay", "--profile", "lte"], "--udp"),
        (&["relay", "--profile", "lte", "--tcp", "80"], "LISTEN=UPSTREAM"),
        (&["relay", "--profile", "missing.toml", "--tcp", "0=80"], "cannot be read"),
        (&["relay", "--profile", "lte", "--tcp", "0=80", "--congestion", "reno"], "cubic, cubic-wide or bbr"),
    ] {
        let output = Command::new(server_binary()).args(arguments).output().expect("the binary runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
}

#[test]
fn an_address_that_is_taken_ends_with_code_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let way = format!("{}=80", taken.local_addr().expect("bound"));
    let output = Command::new(server_binary())
        .args(["relay", "--profile", "none", "--tcp", &way])
        .output()
        .expect("the binary runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot be listened at") && error.lines().count() == 1, "{error}");
}
