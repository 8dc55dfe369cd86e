//! Sessions outlive their connections.

use std::time::Duration;

use sluice_shared::ids::{Epoch, Seq, SessionId, StreamId};
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::units::Amount;
use sluice_shared::wire::{ClientItem, CloseCode, Continuity, GapReason, Hello, Resume, Welcome};
use sluice_tests::client::{Client, Lane, Pace};
use sluice_tests::metrics::Metrics;
use sluice_tests::raw::{Raw, hello};
use sluice_tests::server::Server;
use sluice_tests::tally::Tally;

use crate::{NATIVE, feed};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_comes_twice_when_connections_are_cut() {
    const CUTS: usize = 8;
    let server = Server::start().await;
    let mut clients = Vec::new();
    for mode in NATIVE {
        let lane = Lane::new(mode, feed(1_000, 30)).pace(Pace::Delay(Duration::from_micros(100)));
        clients.push((mode, Client::connect(&server.target, lane).await.expect("the server accepts")));
    }
    for cut in 1..=CUTS {
        for (_, client) in &clients {
            client.until_settled(20).await;
            client.cut().await;
            client.until("the session goes on", |tally| tally.welcomes.len() > cut).await;
        }
    }
    for (mode, client) in &clients {
        client.until_settled(200).await;
        client.until("everything is accounted for", Tally::has_no_holes).await;
        let tally = client.tally();
        let later: Vec<_> = tally.welcomes.iter().skip(1).map(|welcome| welcome.continuity).collect();
        assert_eq!(later, [Continuity::Continued; CUTS], "{mode}: {}", tally.summary());
        assert!(tally.welcomes.iter().all(|welcome| welcome.session == tally.welcomes[0].session), "{mode}");
        if mode.is_reliable() {
            tally.assert_complete();
        } else {
            tally.assert_sound();
            assert!(tally.gaps().keys().all(|reason| *reason == GapReason::Network), "{:?}", tally.gaps());
        }
    }
    let metrics = Metrics::of(server.target.http).await;
    let resumed = metrics.sum("sluice_resumes_total", &["outcome=\"continued\""]);
    assert!((resumed - (CUTS * clients.len()) as f64).abs() < 0.5, "{resumed} resumes counted");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_takes_over_a_zombie() {
    let server = Server::start().await;
    for mode in NATIVE {
        let client = Client::connect(&server.target, Lane::new(mode, feed(500, 31)))
            .await
            .expect("the server accepts");
        client.until_settled(100).await;
        client.abandon().await;
        let closed = client.until_closed().await;
        assert_eq!(closed.code, Some(CloseCode::TakenOver.webtransport()), "{mode}: {closed:?}");
        client.until("the session goes on", |tally| tally.welcomes.len() == 2).await;
        client.until_settled(100).await;
        client.until("everything is accounted for", Tally::has_no_holes).await;
        let tally = client.tally();
        assert_eq!(tally.welcomes[1].continuity, Continuity::Continued, "{mode}");
        if mode.is_reliable() {
            tally.assert_complete();
        }
    }
    let metrics = Metrics::of(server.target.http).await;
    assert!(metrics.sum("sluice_sessions_closed_total", &["reason=\"taken-over\""]) >= NATIVE.len() as f64);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_over_the_other_transport() {
    let server = Server::start().await;
    for (first, second) in [(Mode::WebSocket, Mode::OneStream), (Mode::StreamPerTopic, Mode::WebSocket)] {
        let limit = Amount::new(20, 1 << 20);
        let before = Hello { limit, ..hello(first, feed(1_000, 32)) };
        let (mut raw, welcome) = Raw::welcomed(&server.target, before).await;
        let mut next: std::collections::BTreeMap<StreamId, Seq> =
            welcome.streams.iter().map(|stream| (stream.id, stream.next)).collect();
        for _ in 0..limit.messages {
            let (header, _) = raw.next_message().await;
            assert_eq!(header.seq, next[&header.stream]);
            next.insert(header.stream, header.seq.next());
        }
        drop(raw);
        let resume = Resume {
            session: welcome.session,
            epoch: welcome.epoch,
            next: next.iter().map(|(stream, seq)| (*stream, *seq)).collect(),
        };
        let after = Hello { limit, resume: Some(resume), ..hello(second, feed(1_000, 32)) };
        let (mut raw, again) = Raw::welcomed(&server.target, after).await;
        assert_eq!((again.continuity, again.session), (Continuity::Continued, welcome.session));
        for _ in 0..limit.messages {
            let (header, _) = raw.next_message().await;
            assert_eq!(header.seq, next[&header.stream], "{first} to {second}");
            next.insert(header.stream, header.seq.next());
        }
    }
    server.stop().await;
}

async fn resumed(server: &Server, mode: Mode, resume: Resume) -> Welcome {
    let hello = Hello { resume: Some(resume), ..hello(mode, feed(100, 33)) };
    Raw::welcomed(&server.target, hello).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_not_known_begins_anew() {
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::OneStream] {
        let (_raw, known) = Raw::welcomed(&server.target, hello(mode, feed(100, 33))).await;
        let stranger = Resume { session: SessionId([7; 16]), epoch: known.epoch, next: Vec::new() };
        let welcome = resumed(&server, mode, stranger).await;
        assert_eq!(welcome.continuity, Continuity::UnknownSession);
        assert_ne!(welcome.session, SessionId([7; 16]), "a client must not choose its session's name");

        let earlier = Resume { session: known.session, epoch: Epoch(known.epoch.0 ^ 1), next: Vec::new() };
        let welcome = resumed(&server, mode, earlier).await;
        assert_eq!(welcome.continuity, Continuity::EpochChanged);
        assert_ne!(welcome.session, known.session);
        assert_eq!(welcome.epoch, known.epoch);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_beyond_the_head_are_refused() {
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::OneStream] {
        let (raw, welcome) = Raw::welcomed(&server.target, hello(mode, feed(100, 34))).await;
        let next = welcome.streams.iter().map(|stream| (stream.id, Seq(u64::MAX / 2))).collect();
        let resume = Some(Resume { session: welcome.session, epoch: welcome.epoch, next });
        drop(raw);
        let mut raw = Raw::open(&server.target, mode).await.expect("the server accepts");
        raw.say(&ClientItem::Hello(Hello { resume, ..hello(mode, feed(100, 34)) })).await;
        let ending = raw.until_closed().await;
        assert_eq!(ending.closed.code, Some(CloseCode::Protocol.webtransport()), "{mode}: {ending:?}");
        assert_eq!(ending.goodbye.map(|goodbye| goodbye.code), Some(CloseCode::Protocol));
    }
    let metrics = Metrics::of(server.target.http).await;
    for transport in [Transport::WebSocket, Transport::WebTransport] {
        let transport = format!("transport=\"{}\"", transport.name());
        assert!(metrics.sum("sluice_sessions_closed_total", &["reason=\"protocol\"", &transport]) >= 1.0);
    }
    server.stop().await;
}
