//! Sessions outlive their connections.

use std::time::Duration;

use sluice_shared::feed::FeedSpec;
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

/// How the server answers a Hello that is refused.
async fn refusal(server: &Server, mode: Mode, hello: Hello) -> String {
    let mut raw = Raw::open(&server.target, mode).await.expect("the server accepts");
    raw.say(&ClientItem::Hello(hello)).await;
    let ending = raw.until_closed().await;
    assert_eq!(ending.closed.code, Some(CloseCode::Protocol.webtransport()), "{mode}: {ending:?}");
    let goodbye = ending.goodbye.expect("the server says why");
    assert_eq!(goodbye.code, CloseCode::Protocol, "{mode}: {}", goodbye.reason);
    goodbye.reason
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_id_gets_a_fresh_session_that_begins_at_the_head() {
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::OneStream] {
        let (_raw, known) = Raw::welcomed(&server.target, hello(mode, feed(1_000, 35))).await;
        let follower =
            Client::connect(&server.target, Lane::new(mode, feed(1_000, 35))).await.expect("accepts");
        follower.until_settled(200).await;
        // Every id that differs from a real one in a single bit, some of them here.
        for bit in [0, 1, 7, 63, 64, 127] {
            let SessionId(mut id) = known.session;
            id[bit / 8] ^= 1 << (bit % 8);
            let next = known.streams.iter().map(|stream| (stream.id, stream.next)).collect();
            let forged = Resume { session: SessionId(id), epoch: known.epoch, next };
            let hello = Hello { resume: Some(forged), ..hello(mode, feed(1_000, 35)) };
            let (_raw, fresh) = Raw::welcomed(&server.target, hello).await;
            assert_eq!(fresh.continuity, Continuity::UnknownSession, "{mode}, bit {bit}");
            assert!(![SessionId(id), known.session].contains(&fresh.session), "{mode}: {fresh:?}");
            for (was, now) in known.streams.iter().zip(&fresh.streams) {
                assert!(was.id == now.id && now.next > was.next, "{mode}: {now:?} is not the head");
            }
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_a_session_gets_what_it_was_sent_and_nothing_from_before_or_beside_it() {
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::OneStream] {
        let mine = feed(1_000, 36);
        let (other, theirs) = Raw::welcomed(&server.target, hello(mode, feed(1_000, 37))).await;
        let follower = Client::connect(&server.target, Lane::new(mode, mine)).await.expect("accepts");
        follower.until_settled(200).await;
        let (raw, welcome) = Raw::welcomed(&server.target, hello(mode, mine)).await;
        drop((raw, other));
        // The beginning of the log, which the hub still holds, was there before this session.
        let next = welcome.streams.iter().map(|stream| (stream.id, Seq(0))).collect();
        let all = Resume { session: welcome.session, epoch: welcome.epoch, next };
        let hello_all = Hello { resume: Some(all), ..hello(mode, mine) };
        let (raw, again) = Raw::welcomed(&server.target, hello_all).await;
        assert_eq!((again.continuity, again.session), (Continuity::Continued, welcome.session), "{mode}");
        assert_eq!(again.streams, welcome.streams, "{mode}: it goes on from its own beginning");
        drop(raw);
        // Streams that another session follows.
        let next = theirs.streams.iter().map(|stream| (stream.id, Seq(0))).collect();
        let beside = Resume { session: welcome.session, epoch: welcome.epoch, next };
        let hello_beside = Hello { resume: Some(beside), ..hello(mode, feed(1_000, 37)) };
        let (_raw, begun) = Raw::welcomed(&server.target, hello_beside).await;
        for (was, now) in theirs.streams.iter().zip(&begun.streams) {
            assert!(was.id == now.id && now.next > was.next, "{mode}: {now:?} is not the head");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_sent_away_for_breaking_the_protocol_is_forgotten() {
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::OneStream] {
        let (mut raw, known) = Raw::welcomed(&server.target, hello(mode, feed(100, 38))).await;
        raw.say(&ClientItem::Hello(hello(mode, feed(100, 38)))).await;
        let ending = raw.until_closed().await;
        assert_eq!(ending.closed.code, Some(CloseCode::Protocol.webtransport()), "{mode}: {ending:?}");
        let resume = Resume { session: known.session, epoch: known.epoch, next: Vec::new() };
        let hello = Hello { resume: Some(resume), ..hello(mode, feed(100, 38)) };
        let (_raw, fresh) = Raw::welcomed(&server.target, hello).await;
        assert_eq!(fresh.continuity, Continuity::UnknownSession, "{mode}");
        assert_ne!(fresh.session, known.session, "{mode}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_position_that_cannot_be_is_refused_and_those_of_other_streams_mean_nothing() {
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::OneStream] {
        // Nothing is published, so that the head stands still.
        let feeds = [FeedSpec::Publish];
        let (raw, welcome) = Raw::welcomed(&server.target, hello(mode, feeds)).await;
        drop(raw);
        let (id, head) = (welcome.streams[0].id, welcome.streams[0].next);
        let resume = |next| {
            let resume = Resume { session: welcome.session, epoch: welcome.epoch, next };
            Hello { resume: Some(resume), ..hello(mode, feeds) }
        };
        for future in [Seq(head.0 + 1), Seq(u64::MAX / 2), Seq(u64::MAX)] {
            let said = refusal(&server, mode, resume(vec![(id, future)])).await;
            assert!(said.contains(&format!("cannot be resumed at {}", future.0)), "{mode}: {said}");
        }
        let said = refusal(&server, mode, resume(vec![(id, head), (id, head)])).await;
        assert!(said.contains("two resume positions"), "{mode}: {said}");
        let strange = StreamId(u32::MAX);
        for next in [vec![(id, head)], vec![(strange, Seq(u64::MAX)), (id, head)], vec![(strange, Seq(0))]] {
            let (_raw, again) = Raw::welcomed(&server.target, resume(next)).await;
            assert_eq!((again.continuity, again.session), (Continuity::Continued, welcome.session), "{mode}");
            assert_eq!(again.streams, welcome.streams, "{mode}");
        }
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
