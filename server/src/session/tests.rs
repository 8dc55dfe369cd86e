//! Whole connections over a carrier in memory, in paused time.

use std::sync::Arc;

use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::ids::{Epoch, Key, Seq, SessionId};
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::units::Amount;
use sluice_shared::wire::{
    ClientItem, CloseCode, Continuity, EchoBlock, Hello, PROTOCOL_VERSION, Ping, Resume, ServerControl,
    ServerItem, Waiting, Welcome,
};

use super::carrier::Limits;
use super::memory::{Peer, eventually};
use super::service::Sessions;
use crate::clock::Clock;
use crate::feeds::FeedKind;
use crate::hub::{Hub, HubConfig};
use crate::metrics::Metrics;

const EPOCH: Epoch = Epoch(42);

fn sessions() -> Arc<Sessions> {
    let metrics = Arc::new(Metrics::new());
    let config = HubConfig { offered: vec![FeedKind::Ticks, FeedKind::Publish], host_rate_hz: 10 };
    let hub = Hub::new(EPOCH, Clock::start(), config, Arc::clone(&metrics));
    Arc::new(Sessions::new(Arc::new(hub), metrics, 8))
}

fn connect(sessions: &Arc<Sessions>) -> Peer {
    let peer = Peer::default();
    let (carrier, permit) = (peer.carrier(), sessions.permit().expect("room"));
    let sessions = Arc::clone(sessions);
    tokio::spawn(async move { sessions.serve(carrier, permit).await });
    peer
}

fn hello(messages: u64) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        mode: Mode::WebSocket,
        feeds: vec![FeedSpec::Publish],
        policy: Policy::Lossless,
        limit: Amount::new(messages, 1_000_000),
        sample_every_millis: 0,
        resume: None,
    }
}

/// Publishes `count` messages of 100 bytes.
fn publish(sessions: &Sessions, count: usize) {
    let hub = sessions.hub();
    let hold = hub.hold(FeedSpec::Publish).expect("offered");
    for _ in 0..count {
        hold.instance().append(0, Key(0), hub.clock().now(), &[b'1'; 100]).expect("small");
    }
    hold.instance().wake();
}

async fn welcomed(peer: &Peer) -> Welcome {
    let first = eventually("the server welcomes", || peer.next_arrived()).await;
    let ServerItem::Control(ServerControl::Welcome(welcome)) = first else {
        panic!("{first:?} came before a welcome");
    };
    welcome
}

/// Waits for `count` messages and returns their positions, whatever else arrives.
async fn messages(peer: &Peer, count: usize) -> Vec<u64> {
    let mut positions = Vec::new();
    eventually("messages arrive", || {
        positions.extend(peer.arrived().into_iter().filter_map(|item| match item {
            ServerItem::Message { header, .. } => Some(header.seq.0),
            ServerItem::Control(_) | ServerItem::Batch(_) => None,
        }));
        (positions.len() >= count).then_some(())
    })
    .await;
    positions
}

async fn code_after(item: ClientItem) -> (CloseCode, String) {
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(item);
    let goodbye = peer.goodbye().await.expect("the server says why");
    (goodbye.code, goodbye.reason)
}

#[tokio::test(start_paused = true)]
async fn no_more_is_sent_than_was_granted() {
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(hello(3)));
    let welcome = welcomed(&peer).await;
    assert_eq!(welcome.continuity, Continuity::New);
    publish(&sessions, 10);
    assert_eq!(messages(&peer, 3).await, [0, 1, 2]);
    let (limit, three) = (Amount::new(7, 1_000_000), Amount::new(3, 300));
    peer.say(ClientItem::Grant { limit, received: three, consumed: three });
    assert_eq!(messages(&peer, 4).await, [3, 4, 5, 6]);
    // A grant that takes back changes nothing.
    peer.say(ClientItem::Grant { limit: three, received: three, consumed: three });
    publish(&sessions, 1);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(peer.arrived().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fresh_subscription_begins_at_the_head() {
    let sessions = sessions();
    publish(&sessions, 5);
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(hello(100)));
    assert_eq!(welcomed(&peer).await.streams[0].next, Seq(5));
    publish(&sessions, 2);
    assert_eq!(messages(&peer, 2).await, [5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_heard_all_the_same() {
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(Hello { sample_every_millis: 100, ..hello(1_000_000) }));
    welcomed(&peer).await;
    peer.take_only(Some(0));
    publish(&sessions, 1_000);
    for nonce in 0..20 {
        peer.say(ClientItem::Ping(Ping { nonce, sent_at: sluice_shared::time::Time::ZERO }));
    }
    eventually("the server reads", || (peer.unread() == 0).then_some(())).await;
    // What held it up is in the report that is written once the client reads again.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    peer.take_only(None);
    let mut blocked = false;
    let mut received = 0;
    eventually("everything arrives", || {
        for item in peer.arrived() {
            match item {
                ServerItem::Control(ServerControl::Sample(sample)) => {
                    blocked |= matches!(sample.waiting, Waiting::Transport { .. });
                }
                ServerItem::Message { .. } => received += 1,
                ServerItem::Control(_) | ServerItem::Batch(_) => {}
            }
        }
        (received == 1_000 && blocked).then_some(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_not_read_while_its_answers_wait() {
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(hello(1)));
    welcomed(&peer).await;
    peer.take_only(Some(0));
    for nonce in 0..100_000 {
        peer.say(ClientItem::Ping(Ping { nonce, sent_at: sluice_shared::time::Time::ZERO }));
    }
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert!(peer.unread() > 90_000, "{} are unread", peer.unread());
    assert!(peer.most_waiting() < 2 * Limits::CONTROL_BYTES, "{} bytes waited", peer.most_waiting());
    peer.take_only(None);
    eventually("the server goes on", || (peer.unread() == 0).then_some(())).await;
}

fn flood(peer: &Peer, blocks: u64) {
    for number in 0..blocks {
        let payload = vec![number.to_le_bytes()[0]; EchoBlock::MAX_PAYLOAD].into();
        peer.say(ClientItem::Echo(EchoBlock { number, payload }));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_flooded_comes_back_in_order_and_is_not_read_while_it_cannot() {
    const BLOCKS: u64 = 1_000;
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(Hello { sample_every_millis: 100, ..hello(1) }));
    welcomed(&peer).await;
    peer.take_only(Some(0));
    flood(&peer, BLOCKS);
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let taken = BLOCKS - peer.unread() as u64;
    // What fills the queue, what is being written, and what waits behind it.
    assert!((8..=11).contains(&taken), "{taken} blocks were read");
    peer.take_only(None);
    let (mut numbers, mut samples) = (Vec::new(), Vec::new());
    eventually("every block comes back", || {
        for item in peer.arrived() {
            match item {
                ServerItem::Control(ServerControl::Echo(block)) => {
                    assert!(block.payload.iter().all(|byte| *byte == block.number.to_le_bytes()[0]));
                    numbers.push(block.number);
                }
                ServerItem::Control(ServerControl::Sample(sample)) => samples.push(sample.inbound),
                ServerItem::Control(_) | ServerItem::Batch(_) | ServerItem::Message { .. } => {}
            }
        }
        (numbers.len() as u64 == BLOCKS && samples.last().is_some_and(|last| last.stopped_at.is_none()))
            .then_some(())
    })
    .await;
    assert!(numbers.into_iter().eq(0..BLOCKS));
    let stopped = samples.last().map(|last| last.stopped_micros);
    assert!(stopped.is_some_and(|micros| micros >= 4_900_000), "{stopped:?} µs without reading");
    assert!(samples.iter().any(|inbound| inbound.stopped_at.is_some() && inbound.stops == 1));
}

#[tokio::test(start_paused = true)]
async fn a_flood_leaves_messages_their_part() {
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(hello(1_000)));
    welcomed(&peer).await;
    peer.take_only(Some(0));
    flood(&peer, 200);
    eventually("the server stops reading", || (peer.unread() < 195).then_some(())).await;
    publish(&sessions, 50);
    let (mut echoes, mut messages) = (0, 0);
    while messages < 50 {
        // One block a round fits.
        peer.take_only(Some(EchoBlock::MAX_PAYLOAD));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        for item in peer.arrived() {
            match item {
                ServerItem::Control(ServerControl::Echo(_)) => echoes += 1,
                ServerItem::Message { .. } => messages += 1,
                ServerItem::Control(_) | ServerItem::Batch(_) => {}
            }
        }
        assert!(echoes < 10, "{messages} messages came between {echoes} blocks");
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_that_is_too_large_ends_the_session() {
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(hello(1)));
    welcomed(&peer).await;
    let payload = vec![0; EchoBlock::MAX_PAYLOAD + 1].into();
    peer.say(ClientItem::Echo(EchoBlock { number: 0, payload }));
    let goodbye = peer.goodbye().await.expect("the server says why");
    assert_eq!(goodbye.code, CloseCode::Protocol);
    assert!(goodbye.reason.contains("8192"), "{}", goodbye.reason);
}

#[tokio::test(start_paused = true)]
async fn who_breaks_the_protocol_is_told_how() {
    let version = Hello { version: 99, ..hello(1) };
    assert_eq!(code_after(ClientItem::Hello(version)).await.0, CloseCode::Unsupported);
    let mode = Hello { mode: Mode::Datagrams, ..hello(1) };
    let (code, reason) = code_after(ClientItem::Hello(mode)).await;
    assert_eq!(code, CloseCode::Protocol);
    assert!(reason.contains("datagrams"), "{reason}");
    let feeds = Hello { feeds: Vec::new(), ..hello(1) };
    assert_eq!(code_after(ClientItem::Hello(feeds)).await.0, CloseCode::Protocol);
    let host = Hello { feeds: vec![FeedSpec::Host], ..hello(1) };
    let (code, reason) = code_after(ClientItem::Hello(host)).await;
    assert_eq!(code, CloseCode::Unsupported);
    assert!(reason.contains("'host'"), "{reason}");
    let early = ClientItem::SetPolicy(Policy::Latest);
    assert_eq!(code_after(early).await.0, CloseCode::Protocol);
}

#[tokio::test(start_paused = true)]
async fn an_impossible_grant_ends_the_session() {
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(hello(1)));
    welcomed(&peer).await;
    let many = Amount::new(1_000, 1_000);
    peer.say(ClientItem::Grant { limit: many, received: many, consumed: many });
    assert_eq!(peer.goodbye().await.map(|goodbye| goodbye.code), Some(CloseCode::Protocol));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_sent_away() {
    let sessions = sessions();
    let peer = connect(&sessions);
    assert_eq!(peer.goodbye().await.map(|goodbye| goodbye.code), Some(CloseCode::Unresponsive));
    eventually("its place is free", || sessions.permit()).await;
}

fn resume(session: SessionId, next: u64, welcome: &Welcome) -> Hello {
    let next = vec![(welcome.streams[0].id, Seq(next))];
    Hello { resume: Some(Resume { session, epoch: welcome.epoch, next }), ..hello(1_000) }
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_where_it_stopped() {
    let sessions = sessions();
    let first = connect(&sessions);
    first.say(ClientItem::Hello(hello(100)));
    let welcome = welcomed(&first).await;
    publish(&sessions, 4);
    messages(&first, 4).await;
    first.leave();
    assert_eq!(first.goodbye().await, None);
    publish(&sessions, 3);
    let second = connect(&sessions);
    second.say(ClientItem::Hello(resume(welcome.session, 2, &welcome)));
    let again = welcomed(&second).await;
    assert_eq!((again.continuity, again.session), (Continuity::Continued, welcome.session));
    assert_eq!(messages(&second, 5).await, [2, 3, 4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_zombie_is_told_that_it_was_taken_over() {
    let sessions = sessions();
    let zombie = connect(&sessions);
    zombie.say(ClientItem::Hello(hello(100)));
    let welcome = welcomed(&zombie).await;
    let second = connect(&sessions);
    second.say(ClientItem::Hello(resume(welcome.session, 0, &welcome)));
    assert_eq!(welcomed(&second).await.continuity, Continuity::Continued);
    assert_eq!(zombie.goodbye().await.map(|goodbye| goodbye.code), Some(CloseCode::TakenOver));
    // The zombie's end has not ended the session.
    second.leave();
    second.goodbye().await;
    let third = connect(&sessions);
    third.say(ClientItem::Hello(resume(welcome.session, 0, &welcome)));
    assert_eq!(welcomed(&third).await.continuity, Continuity::Continued);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_resumed_begins_anew_or_is_refused() {
    let sessions = sessions();
    let first = connect(&sessions);
    first.say(ClientItem::Hello(hello(100)));
    let welcome = welcomed(&first).await;
    let stranger = connect(&sessions);
    stranger.say(ClientItem::Hello(resume(SessionId([7; 16]), 0, &welcome)));
    let other = welcomed(&stranger).await;
    assert_eq!(other.continuity, Continuity::UnknownSession);
    assert_ne!(other.session, welcome.session);
    let late = connect(&sessions);
    let restarted = Welcome { epoch: Epoch(1), ..welcome.clone() };
    late.say(ClientItem::Hello(resume(welcome.session, 0, &restarted)));
    assert_eq!(welcomed(&late).await.continuity, Continuity::EpochChanged);
    let liar = connect(&sessions);
    liar.say(ClientItem::Hello(resume(welcome.session, 99, &welcome)));
    assert_eq!(liar.goodbye().await.map(|goodbye| goodbye.code), Some(CloseCode::Protocol));
}

#[tokio::test(start_paused = true)]
async fn another_subscription_is_answered_and_followed() {
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(hello(1_000)));
    welcomed(&peer).await;
    let ticks = FeedSpec::Ticks(TicksSpec { rate: 100, streams: 3, ..TicksSpec::default() });
    peer.say(ClientItem::Subscribe(vec![ticks]));
    let mut subscribed = None;
    let mut streams = std::collections::BTreeSet::new();
    eventually("ticks arrive", || {
        for item in peer.arrived() {
            match item {
                ServerItem::Control(ServerControl::Subscribed(infos)) => subscribed = Some(infos),
                ServerItem::Message { header, .. } => {
                    streams.insert(header.stream);
                }
                ServerItem::Control(_) | ServerItem::Batch(_) => {}
            }
        }
        (streams.len() == 3).then_some(())
    })
    .await;
    let ids: Vec<_> = subscribed.expect("answered").iter().map(|info| info.id).collect();
    assert_eq!(ids, streams.into_iter().collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_says_goodbye_and_takes_nobody_else() {
    let sessions = sessions();
    let (running, silent) = (connect(&sessions), connect(&sessions));
    running.say(ClientItem::Hello(hello(1)));
    welcomed(&running).await;
    sessions.stop();
    for peer in [running, silent] {
        assert_eq!(peer.goodbye().await.map(|goodbye| goodbye.code), Some(CloseCode::GoingAway));
    }
    sessions.stopped().await;
    assert!(sessions.permit().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_is_counted() {
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(Hello { policy: Policy::DropOldest { limit: 2 }, ..hello(0) }));
    welcomed(&peer).await;
    publish(&sessions, 10);
    let text = eventually("gaps are counted", || {
        let text = sessions.metrics().text().expect("text form");
        text.contains("reason=\"dropped-oldest\"} 8").then_some(text)
    })
    .await;
    assert!(text.contains("sluice_sessions{transport=\"websocket\",mode=\"websocket\"} 1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_naive_server_makes_a_write_of_every_message() {
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(Hello { policy: Policy::Unbounded, limit: Amount::MAX, ..hello(0) }));
    welcomed(&peer).await;
    publish(&sessions, 20);
    let mut kinds = Vec::new();
    eventually("all arrive", || {
        kinds.extend(peer.arrived().into_iter().filter_map(|item| match item {
            ServerItem::Batch(_) => Some('b'),
            ServerItem::Message { .. } => Some('m'),
            ServerItem::Control(_) => None,
        }));
        (kinds.len() >= 40).then_some(())
    })
    .await;
    assert_eq!(kinds.into_iter().collect::<String>(), "bm".repeat(20));
}

#[tokio::test(start_paused = true)]
async fn an_exhibit_ends_with_its_figures_and_is_forgotten() {
    let sessions = sessions();
    let peer = connect(&sessions);
    let exhibit = Hello { policy: Policy::SilentDrop { limit: 4 }, limit: Amount::MAX, ..hello(0) };
    peer.say(ClientItem::Hello(exhibit.clone()));
    let welcome = welcomed(&peer).await;
    peer.take_only(Some(0));
    publish(&sessions, 100);
    let second = connect(&sessions);
    second.say(ClientItem::Hello(exhibit.clone()));
    assert_eq!(second.goodbye().await.map(|goodbye| goodbye.code), Some(CloseCode::Overloaded));
    tokio::time::sleep(sluice_shared::exhibit::MAX_DURATION).await;
    let goodbye = peer.goodbye().await.expect("it is told");
    assert_eq!(goodbye.code, CloseCode::ExhibitOver);
    assert!(goodbye.reason.contains("messages were dropped in 60.0 s"), "{}", goodbye.reason);
    let text = sessions.metrics().text().expect("text form");
    assert!(text.contains("sluice_exhibits 0"), "{text}");
    assert!(text.contains(r#"sluice_exhibits_ended_total{policy="silent-drop",end="duration"} 1"#), "{text}");
    assert!(!text.contains("dropped-newest\"} 9"), "what was dropped silently is in no gap: {text}");
    let late = connect(&sessions);
    late.say(ClientItem::Hello(resume(welcome.session, 0, &welcome)));
    assert_eq!(welcomed(&late).await.continuity, Continuity::UnknownSession);
    let resumed = Hello { policy: exhibit.policy, ..resume(welcome.session, 0, &welcome) };
    let (code, reason) = code_after(ClientItem::Hello(resumed)).await;
    assert_eq!(code, CloseCode::Protocol);
    assert!(reason.contains("nothing to resume"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn an_exhibit_does_not_begin_in_the_middle_of_a_session() {
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(hello(1)));
    welcomed(&peer).await;
    peer.say(ClientItem::SetPolicy(Policy::BusySpin));
    let goodbye = peer.goodbye().await.expect("it is told");
    assert_eq!(goodbye.code, CloseCode::Protocol);
    assert!(goodbye.reason.contains("Hello alone"), "{}", goodbye.reason);
}

#[tokio::test]
async fn a_busy_spin_ends_with_its_client_and_gives_the_thread_back() {
    let sessions = sessions();
    let peer = connect(&sessions);
    peer.say(ClientItem::Hello(Hello { policy: Policy::BusySpin, limit: Amount::MAX, ..hello(0) }));
    welcomed(&peer).await;
    peer.take_only(Some(0));
    publish(&sessions, 100);
    peer.leave();
    assert_eq!(peer.goodbye().await, None);
    eventually("its place is free", || sessions.permit()).await;
    let text = sessions.metrics().text().expect("text form");
    assert!(
        text.contains(r#"sluice_exhibits_ended_total{policy="busy-spin",end="client-left"} 1"#),
        "{text}"
    );
}
