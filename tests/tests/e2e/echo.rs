//! `/echo`: what a conformance suite asks, and what RFC 6455 says about those who break its rules.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use futures_util::{SinkExt as _, StreamExt as _};
use sluice_tests::deadline::{in_time, must};
use sluice_tests::http;
use sluice_tests::server::Server;
use sluice_tests::target::Target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use wtransport::endpoint::ConnectOptions;
use wtransport::{ClientConfig, Endpoint};

/// A connection that has been upgraded and says whatever bytes a test wants.
struct Wire(TcpStream);

impl Wire {
    async fn open(server: SocketAddr) -> Self {
        let mut stream = must("connecting", TcpStream::connect(server).await);
        let request = format!(
            "GET /echo HTTP/1.1\r\nhost: {server}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        must("asking", stream.write_all(request.as_bytes()).await);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(must("reading", in_time("the upgrade", stream.read_u8()).await));
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        assert!(head.starts_with("http/1.1 101"), "{head}");
        // The example of RFC 6455 §1.3.
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        Self(stream)
    }

    /// Sends a masked frame with these first bits and payload.
    async fn send(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | u8::try_from(length).expect("below 126")),
            length => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(length).expect("small").to_be_bytes());
            }
        }
        let key = [0x37, 0xfa, 0x21, 0x3d];
        frame.extend(key);
        frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        must("sending", self.0.write_all(&frame).await);
    }

    /// The next frame: its first byte and its payload.
    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        in_time("a frame", async {
            let first = self.0.read_u8().await.ok()?;
            let length = match self.0.read_u8().await.ok()? {
                126 => u64::from(self.0.read_u16().await.ok()?),
                127 => self.0.read_u64().await.ok()?,
                length => u64::from(length),
            };
            let mut payload = vec![0; usize::try_from(length).ok()?];
            self.0.read_exact(&mut payload).await.ok()?;
            Some((first, payload))
        })
        .await
    }

    /// The code of the close frame that comes next.
    async fn close_code(&mut self) -> Option<u16> {
        let (first, payload) = self.frame().await?;
        assert_eq!(first, 0x88, "a close frame");
        payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]))
    }
}

const FIN_TEXT: u8 = 0x81;
const FIN_BINARY: u8 = 0x82;
const TEXT: u8 = 0x01;
const FIN_CONTINUATION: u8 = 0x80;
const CONTINUATION: u8 = 0x00;
const FIN_CLOSE: u8 = 0x88;
const FIN_PING: u8 = 0x89;

#[tokio::test(flavor = "multi_thread")]
async fn messages_come_back_as_they_were() {
    let server = Server::start().await;
    let mut wire = Wire::open(server.target.http).await;
    wire.send(FIN_TEXT, "Grüße".as_bytes()).await;
    assert_eq!(wire.frame().await, Some((FIN_TEXT, "Grüße".as_bytes().to_vec())));
    for length in [0, 1, 125, 126, 65_535] {
        let payload = vec![7; length];
        wire.send(FIN_BINARY, &payload).await;
        assert_eq!(wire.frame().await, Some((FIN_BINARY, payload)), "{length} bytes");
    }
    // A message in fragments comes back as one; a ping between them is answered at once (RFC 6455 §5.4).
    wire.send(TEXT, b"in ").await;
    wire.send(FIN_PING, b"still there?").await;
    wire.send(CONTINUATION, b"three ").await;
    wire.send(FIN_CONTINUATION, b"parts").await;
    assert_eq!(wire.frame().await, Some((0x8a, b"still there?".to_vec())));
    assert_eq!(wire.frame().await, Some((FIN_TEXT, b"in three parts".to_vec())));
    wire.send(FIN_CLOSE, &[&1000u16.to_be_bytes()[..], b"done"].concat()).await;
    assert_eq!(wire.close_code().await, Some(1000));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_breaks_the_rules_gets_the_code_that_the_standard_asks_for() {
    let server = Server::start().await;
    let mut neighbour = Wire::open(server.target.http).await;
    let too_long = vec![0; 126];
    for (what, first, payload, code) in [
        ("a reserved opcode", 0x83, &b"x"[..], 1002),
        ("a reserved control opcode", 0x8b, b"x", 1002),
        ("a reserved bit", 0x80 | 0x40 | 0x01, b"x", 1002),
        ("a control frame that is too long", FIN_PING, &too_long, 1002),
        ("a control frame in fragments", 0x09, b"x", 1002),
        ("a continuation of nothing", FIN_CONTINUATION, b"x", 1002),
        ("text that is no UTF-8", FIN_TEXT, &[0xc3, 0x28], 1007),
        ("a close frame of one byte", FIN_CLOSE, &[3], 1002),
        ("a close code that must not be sent", FIN_CLOSE, &1005u16.to_be_bytes(), 1002),
        ("a close code out of range", FIN_CLOSE, &999u16.to_be_bytes(), 1002),
    ] {
        let mut wire = Wire::open(server.target.http).await;
        wire.send(first, payload).await;
        assert_eq!(wire.close_code().await, Some(code), "{what}");
        neighbour.send(FIN_TEXT, what.as_bytes()).await;
        assert_eq!(neighbour.frame().await, Some((FIN_TEXT, what.as_bytes().to_vec())), "others go on");
    }
    let mut unmasked = Wire::open(server.target.http).await;
    must("sending", unmasked.0.write_all(&[FIN_TEXT, 1, b'x']).await);
    assert_eq!(unmasked.close_code().await, Some(1002), "a client that does not mask");
    let mut interleaved = Wire::open(server.target.http).await;
    interleaved.send(TEXT, b"one ").await;
    interleaved.send(FIN_TEXT, b"two").await;
    assert_eq!(interleaved.close_code().await, Some(1002), "a message inside another");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_no_upgrade_is_refused() {
    let server = Server::start().await;
    let right = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for wrong in [
        ("upgrade", "http/2"),
        ("connection", "close"),
        ("sec-websocket-version", "8"),
        ("sec-websocket-key", ""),
        ("sec-websocket-key", "dG9vIHNob3J0"),
    ] {
        let headers: Vec<_> = right
            .into_iter()
            .map(|header| if header.0 == wrong.0 { wrong } else { header })
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let answer = http::get(server.target.http, "/echo", &headers).await.expect("an answer");
        // Whoever speaks another version is told which one is spoken here (RFC 6455 §4.4).
        let is_other_version = wrong.0 == "sec-websocket-version";
        assert_eq!(answer.status, if is_other_version { 426 } else { 400 }, "{wrong:?}: {}", answer.text());
        assert_eq!(answer.header("sec-websocket-version"), if is_other_version { "13" } else { "" });
        assert!(answer.text().contains("RFC 6455"), "{}", answer.text());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_ends_its_connection_alone() {
    let server = Server::start().await;
    let url = format!("ws://{}/echo", server.target.http);
    let (mut client, _) = tokio_tungstenite::connect_async(url).await.expect("upgraded");
    client.send(Message::Binary(vec![1; 1 << 20].into())).await.expect("sent");
    let back = in_time("the largest message", client.next()).await.expect("open").expect("whole");
    assert_eq!(back.len(), 1 << 20);
    // The length alone decides. A payload behind it would meet a closed socket, whose reset may overtake the close frame.
    let mut wire = Wire::open(server.target.http).await;
    let mut header = vec![0x82, 0x80 | 127];
    header.extend(((1u64 << 20) + 1).to_be_bytes());
    must("sending", wire.0.write_all(&header).await);
    must("sending", wire.0.write_all(&[0; 4]).await);
    assert_eq!(wire.close_code().await, Some(1009));
    client.send(Message::Text("still here".into())).await.expect("sent");
    let back = in_time("what others say", client.next()).await.expect("open").expect("whole");
    assert_eq!(back, Message::Text("still here".into()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_datagrams_come_back_over_webtransport() {
    let server = Server::start().await;
    drop(assert_echoes(&server.target).await);
    server.stop().await;
}

/// Sends something of each kind, and takes it back; the session is still open.
pub(crate) async fn assert_echoes(target: &Target) -> wtransport::Connection {
    let config = ClientConfig::builder()
        .with_bind_address(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
        .with_server_certificate_hashes(target.certificate_hashes.iter().cloned())
        .build();
    let endpoint = Endpoint::client(config).expect("an endpoint");
    let url = format!("https://{}/echo", target.quic.expect("WebTransport"));
    let session = endpoint.connect(ConnectOptions::builder(url).build()).await.expect("accepted");
    let payload: Vec<u8> = (0..100_000u32).map(|n| n.to_le_bytes()[0]).collect();

    let (mut send, mut receive) = session.open_bi().await.expect("allowed").await.expect("open");
    let write = async {
        send.write_all(&payload).await.expect("written");
        send.finish().await.expect("finished");
    };
    let mut back = Vec::new();
    let read = async { receive.read_to_end(&mut back).await.expect("read") };
    in_time("the stream comes back", async { tokio::join!(write, read) }).await;
    assert!(back == payload, "{} bytes came back", back.len());

    let mut send = session.open_uni().await.expect("allowed").await.expect("open");
    send.write_all(b"one way").await.expect("written");
    send.finish().await.expect("finished");
    let mut receive = in_time("the answer", session.accept_uni()).await.expect("opened");
    let mut back = Vec::new();
    in_time("its end", receive.read_to_end(&mut back)).await.expect("read");
    assert_eq!(back, b"one way");

    session.send_datagram(b"alone").expect("it fits");
    let datagram = in_time("the datagram", session.receive_datagram()).await.expect("received");
    assert_eq!(&*datagram.payload(), b"alone");
    session
}
