//! Clients that break the protocol are told so, counted, and disturb nobody.

use bytes::Bytes;
use sluice_shared::feed::FeedSpec;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::policy::Policy;
use sluice_shared::units::Amount;
use sluice_shared::wire::codec::{MAX_CLIENT_ITEM, MAX_FRAME};
use sluice_shared::wire::{ClientItem, CloseCode, Hello};
use sluice_tests::client::{Client, Lane};
use sluice_tests::connection::encoded;
use sluice_tests::metrics::Metrics;
use sluice_tests::raw::{Ending, Raw, hello};
use sluice_tests::server::Server;

use crate::feed;

const TRANSPORTS: [Mode; 2] = [Mode::WebSocket, Mode::StreamPerTopic];

/// Expects that the server says why, in both places where a client may look.
fn assert_told(ending: &Ending, code: CloseCode, what: &str) {
    assert_eq!(ending.closed.code, Some(code.webtransport()), "{what}: {ending:?}");
    assert!(!ending.closed.reason.is_empty(), "{what}: {ending:?}");
    let Some(goodbye) = &ending.goodbye else { panic!("{what}: no Goodbye, but {ending:?}") };
    assert_eq!(goodbye.code, code, "{what}: {goodbye:?}");
    assert!(!goodbye.reason.is_empty(), "{what}");
}

/// Connects, says `bytes`, and waits for the end.
async fn end_of(server: &Server, mode: Mode, bytes: impl Into<Bytes>) -> Ending {
    let mut raw = Raw::open(&server.target, mode).await.expect("the server accepts");
    raw.speaker.bytes(bytes).await;
    raw.until_closed().await
}

/// Opens a session, says `bytes`, and waits for the end.
async fn end_of_session(server: &Server, mode: Mode, bytes: impl Into<Bytes>) -> Ending {
    let (mut raw, _) = Raw::welcomed(&server.target, hello(mode, feed(200, 40))).await;
    raw.speaker.bytes(bytes).await;
    raw.until_closed().await
}

/// A client that behaves, and must notice nothing of what others do.
struct Bystander {
    client: Client,
}

impl Bystander {
    async fn start(server: &Server, mode: Mode) -> Self {
        let client = Client::connect(&server.target, Lane::new(mode, feed(500, 41))).await.expect("accepts");
        client.until_settled(100).await;
        Self { client }
    }

    async fn assert_undisturbed(self) {
        self.client.until_settled(200).await;
        let tally = self.client.tally();
        tally.assert_complete();
        assert_eq!(tally.welcomes.len(), 1, "the bystander had to connect again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_breaks_the_protocol_is_told_and_counted() {
    let server = Server::start().await;
    for mode in TRANSPORTS {
        let bystander = Bystander::start(&server, mode).await;
        let good = || encoded(&ClientItem::Hello(hello(mode, feed(200, 40))));
        let grant = |limit, received, consumed| encoded(&ClientItem::Grant { limit, received, consumed });
        let much = Amount::new(1_000_000, 1 << 30);
        let said: [(&str, Bytes); 8] = [
            ("an item of an unknown kind", Bytes::from_static(&[2, 9, 0])),
            ("an item of the server's kind", Bytes::from_static(&[3, 0, 0, 0])),
            ("an item of length 0", Bytes::from_static(&[0])),
            ("a length that never ends", Bytes::from_static(&[0xff; 16])),
            ("a body that says nothing", Bytes::from_static(&[3, 2, 0xee, 0xee])),
            ("a grant before the Hello", grant(much, Amount::ZERO, Amount::ZERO)),
            ("a Hello with more after it", [&[good()[0] + 1], &good()[1..], &[0]].concat().into()),
            ("no feeds", encoded(&ClientItem::Hello(hello(mode, [])))),
        ];
        for (what, bytes) in said {
            assert_told(&end_of(&server, mode, bytes).await, CloseCode::Protocol, &format!("{mode}: {what}"));
        }
        let said: [(&str, Bytes); 4] = [
            ("a second Hello", good()),
            ("more received than was sent", grant(much, much, Amount::ZERO)),
            ("more consumed than received", grant(much, Amount::ZERO, Amount::new(1, 1))),
            ("a queue without a place", encoded(&ClientItem::SetPolicy(Policy::DropOldest { limit: 0 }))),
        ];
        for (what, bytes) in said {
            let what = format!("{mode}: {what}");
            assert_told(&end_of_session(&server, mode, bytes).await, CloseCode::Protocol, &what);
        }
        let metrics = Metrics::of(server.target.http).await;
        let transport = format!("transport=\"{}\"", mode.transport().name());
        let counted = metrics.sum("sluice_sessions_closed_total", &["reason=\"protocol\"", &transport]);
        assert!((counted - 12.0).abs() < 0.5, "{mode}: {counted} of 12 were counted");
        bystander.assert_undisturbed().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_on_its_length_alone() {
    let server = Server::start().await;
    for mode in TRANSPORTS {
        let bystander = Bystander::start(&server, mode).await;
        let length = u32::try_from(MAX_CLIENT_ITEM + 1).expect("small");
        // The length prefix alone: three bytes of seven bits each.
        let prefix = [length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8];
        let ending = end_of(&server, mode, prefix.to_vec()).await;
        assert_told(&ending, CloseCode::TooLarge, &format!("{mode}: an item"));
        bystander.assert_undisturbed().await;
    }
    let ending = end_of(&server, Mode::WebSocket, vec![0; MAX_FRAME + 1]).await;
    assert_eq!(ending.closed.code, Some(CloseCode::TooLarge.webtransport()), "a frame: {ending:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_on_offer_is_refused_by_name() {
    let server = Server::start().await;
    for mode in TRANSPORTS {
        let future = Hello { version: 999, ..hello(mode, feed(200, 40)) };
        let ending = end_of(&server, mode, encoded(&ClientItem::Hello(future))).await;
        assert_told(&ending, CloseCode::Unsupported, "a version of the future");
        assert!(ending.closed.reason.contains("999"), "{ending:?}");

        let unknown = hello(mode, [FeedSpec::Stdin]);
        let ending = end_of(&server, mode, encoded(&ClientItem::Hello(unknown))).await;
        assert_told(&ending, CloseCode::Unsupported, "a feed that is not on offer");
        assert!(ending.closed.reason.contains("stdin"), "{ending:?}");
    }
    for (over, wanted) in [(Mode::WebSocket, Mode::Datagrams), (Mode::OneStream, Mode::WebSocket)] {
        let wrong = encoded(&ClientItem::Hello(hello(wanted, feed(200, 40))));
        let ending = end_of(&server, over, wrong).await;
        assert_told(&ending, CloseCode::Protocol, "a mode of the other transport");
        assert!(ending.closed.reason.contains(wanted.name()), "{ending:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_spoken_in_whole_binary_items() {
    let server = Server::start().await;
    let bystander = Bystander::start(&server, Mode::WebSocket).await;
    let mut raw = Raw::open(&server.target, Mode::WebSocket).await.expect("the server accepts");
    raw.speaker.text("hello?").await;
    assert_told(&raw.until_closed().await, CloseCode::Protocol, "text");

    let whole = encoded(&ClientItem::Hello(hello(Mode::WebSocket, feed(200, 40))));
    let ending = end_of(&server, Mode::WebSocket, whole.slice(..whole.len() - 1)).await;
    assert_told(&ending, CloseCode::Protocol, "half an item in a frame");
    bystander.assert_undisturbed().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_end_their_own_connection_alone() {
    const TRIES: u64 = 60;
    let server = Server::start().await;
    for mode in TRANSPORTS {
        let bystander = Bystander::start(&server, mode).await;
        for seed in 0..TRIES {
            let bytes = noise(seed, 1 + usize::try_from(seed * seed).expect("small"));
            let raw = Raw::open(&server.target, mode).await.expect("the server accepts");
            raw.speaker.bytes(bytes.clone()).await;
            raw.speaker.stream(bytes.clone()).await;
            raw.speaker.datagram(bytes).await;
            // Some noise is the beginning of an item, whose end the server awaits: leaving is as good an end.
            raw.speaker.close().await;
        }
        bystander.assert_undisturbed().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_beside_the_control_stream_ends_the_connection() {
    let server = Server::start().await;
    let (mut raw, _) = Raw::welcomed(&server.target, hello(Mode::StreamPerTopic, feed(200, 40))).await;
    for seed in 0..300 {
        raw.speaker.datagram(noise(seed, 100)).await;
        raw.speaker.stream(noise(seed, 100)).await;
    }
    let ending = raw.until_closed().await;
    assert_eq!(ending.closed.code, Some(CloseCode::Protocol.webtransport()), "{ending:?}");
    Bystander::start(&server, Mode::StreamPerTopic).await.assert_undisturbed().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_nothing_is_sent_away() {
    let server = Server::start().await;
    let silent = TRANSPORTS.map(|mode| {
        let target = server.target.clone();
        tokio::spawn(async move {
            let mut raw = Raw::open(&target, mode).await.expect("the server accepts");
            raw.until_closed().await
        })
    });
    for silent in silent {
        let ending = silent.await.expect("no panic");
        assert_eq!(ending.closed.code, Some(CloseCode::Unresponsive.webtransport()), "{ending:?}");
    }
    let metrics = Metrics::of(server.target.http).await;
    for transport in [Transport::WebSocket, Transport::WebTransport] {
        let labels = [format!("transport=\"{}\"", transport.name()), "reason=\"unresponsive\"".to_owned()];
        assert!(metrics.sum("sluice_sessions_closed_total", &[&labels[0], &labels[1]]) >= 1.0);
    }
    server.stop().await;
}

/// `length` bytes that look random and follow from `seed`.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xbf58_476d_1ce4_e5b9;
    let mut byte = || {
        // xorshift64*: the state is never 0, since the constants differ.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    (0..length).map(|_| byte()).collect()
}
