//! Failure exhibits: each fails as it should, within its caps, and nobody else notices.

use std::time::Duration;

use hyper::Method;
use sluice_shared::exhibit::{BYTES_BESIDE_MESSAGE, ExhibitUse, MAX_CORE_TIME, MAX_HELD_BYTES};
use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::lab::Congestion;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::wire::codec::MAX_ITEM;
use sluice_shared::wire::{CloseCode, ServerSample};
use sluice_tests::client::{Client, Lane, Pace};
use sluice_tests::deadline::patiently;
use sluice_tests::http;
use sluice_tests::lab::Lab;
use sluice_tests::metrics::Metrics;
use sluice_tests::server::Server;
use sluice_tests::tally::Tally;
use sluice_tests::target::Target;

use crate::feed;

/// How long an exhibit may take to reach a cap, and to be told of.
const LONG: Duration = Duration::from_secs(90);
/// A consumer that takes an eighth of what comes.
const SLOW: Pace = Pace::Reads(Duration::from_millis(20));

/// Large messages: a few seconds of them fill what lies between server and client.
fn heavy(seed: u64) -> [FeedSpec; 1] {
    [FeedSpec::Ticks(TicksSpec { rate: 400, size: TicksSpec::MAX_SIZE, streams: 4, keys: 8, seed })]
}

async fn connect(target: &Target, lane: Lane) -> Client {
    let client = Client::connect(target, lane).await.expect("the server accepts");
    client.until_welcome().await;
    client
}

/// Waits until `count` exhibits of `policy` have ended by `end`.
async fn until_ended(server: &Server, policy: &str, end: &str, count: f64) {
    let labels = [format!("policy=\"{policy}\""), format!("end=\"{end}\"")];
    let labels = labels.each_ref().map(String::as_str);
    patiently(LONG, &format!("{policy} ends by {end}"), async || {
        let metrics = Metrics::of(server.target.http).await;
        (metrics.sum("sluice_exhibits_ended_total", &labels) >= count).then_some(())
    })
    .await;
}

/// What the last report said that an exhibit has used.
fn used(tally: &Tally) -> Option<ExhibitUse> {
    tally.samples.last()?.exhibit
}

/// Waits for the server's last word, and returns it.
async fn verdict(client: &Client) -> String {
    client.until_within(LONG, "the server ends the exhibit", |tally| !tally.goodbyes.is_empty()).await;
    let goodbye = client.tally().goodbyes[0].clone();
    assert_eq!(goodbye.code, CloseCode::ExhibitOver, "{}", goodbye.reason);
    goodbye.reason
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unbounded_queue_ends_at_its_cap_and_its_neighbour_misses_nothing() {
    let server = Server::start().await;
    for (mode, seed, ended) in [(Mode::WebSocket, 80, 1.0), (Mode::StreamPerTopic, 81, 2.0)] {
        let neighbour = connect(&server.target, Lane::new(mode, heavy(seed))).await;
        let lane = Lane::new(mode, heavy(seed)).policy(Policy::Unbounded).pace(SLOW);
        let exhibit = connect(&server.target, lane).await;
        until_ended(&server, "unbounded", "memory", ended).await;
        let health = http::send(server.target.http, Method::GET, "/healthz", &[], bytes::Bytes::new()).await;
        assert_eq!(health.expect("an answer").status, 200);
        exhibit.set_pace(Pace::AtOnce).await;
        let verdict = verdict(&exhibit).await;
        assert!(verdict.starts_with("the queue held 32.0 MiB after"), "{verdict}");
        let samples = exhibit.tally().samples.clone();
        let peak = samples.iter().filter_map(|sample| Some(sample.exhibit?.held_bytes_peak)).max();
        let peak = peak.expect("samples came");
        let most = MAX_HELD_BYTES + MAX_ITEM as u64 + BYTES_BESIDE_MESSAGE;
        eprintln!("{mode}: {peak} bytes held at most, {MAX_HELD_BYTES} allowed: {verdict}");
        assert!((MAX_HELD_BYTES / 2..=most).contains(&peak), "{mode}: {peak} bytes");
        exhibit.tally().assert_sound();
        assert!(exhibit.tally().gaps().is_empty(), "{mode}");
        neighbour.until_settled(200).await;
        neighbour.until("everything is accounted for", Tally::has_no_holes).await;
        neighbour.tally().assert_complete();
        neighbour.close().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_silently_is_found_by_its_number_alone() {
    let server = Server::start().await;
    for (mode, seed, ended) in [(Mode::WebSocket, 82, 1.0), (Mode::StreamPerTopic, 83, 2.0)] {
        let neighbour = connect(&server.target, Lane::new(mode, heavy(seed))).await;
        let lane = Lane::new(mode, heavy(seed)).policy(Policy::SilentDrop { limit: 16 }).pace(SLOW);
        let exhibit = connect(&server.target, lane).await;
        let much = |tally: &Tally| used(tally).is_some_and(|used| used.silently_dropped >= 200);
        exhibit.until_within(LONG, "much was dropped", much).await;
        exhibit.set_pace(Pace::AtOnce).await;
        let all_found = |tally: &Tally| used(tally).is_some_and(|used| used.silently_dropped == tally.lost);
        exhibit.until_within(LONG, "every hole is found", all_found).await;
        let (lost, gaps, twice) = {
            let tally = exhibit.tally();
            (tally.lost, tally.gaps(), tally.twice)
        };
        eprintln!("{mode}: {lost} messages dropped silently, and found missing");
        assert!(lost >= 200 && gaps.is_empty() && twice == 0, "{mode}: {lost} lost, {gaps:?}, {twice} twice");
        neighbour.until("everything is accounted for", Tally::has_no_holes).await;
        neighbour.tally().assert_complete();
        exhibit.close().await;
        until_ended(&server, "silent-drop", "client-left", ended).await;
        neighbour.close().await;
    }
    server.stop().await;
}

/// The share of a core that the session took in the second half of its time, when everything on the way was full.
fn core_share_at_the_end(samples: &[ServerSample]) -> f64 {
    let (middle, last) = (samples[samples.len() / 2], samples[samples.len() - 1]);
    let elapsed = last.server_now.since(middle.server_now);
    Duration::from_micros(last.core_micros - middle.core_micros).as_secs_f64() / elapsed.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_spin_keeps_a_core_busy_to_its_cap_and_credit_costs_nothing() {
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::StreamPerTopic] {
        let lane = Lane::new(mode, heavy(84)).pace(SLOW);
        let neighbour = connect(&server.target, lane.clone()).await;
        let exhibit = connect(&server.target, lane.policy(Policy::BusySpin)).await;
        until_ended(&server, "busy-spin", "core-time", if mode == Mode::WebSocket { 1.0 } else { 2.0 }).await;
        exhibit.set_pace(Pace::AtOnce).await;
        let verdict = verdict(&exhibit).await;
        let share = core_share_at_the_end(&exhibit.tally().samples);
        let most =
            exhibit.tally().samples.iter().map(|sample| sample.core_micros).max().expect("samples came");
        let beside = core_share_at_the_end(&neighbour.tally().samples);
        eprintln!(
            "{mode}: {verdict}; {share:.3} of a core at the end; {most} µs at most; {beside:.4} of a core beside it"
        );
        assert!(share >= 0.5, "{mode}: {share} of a core");
        // On a busy machine a poll takes longer than it runs, whoever is polled.
        assert!(beside * 3.0 < share, "{mode}: {beside} of a core without spinning, {share} with it");
        assert!(
            Duration::from_micros(most) <= MAX_CORE_TIME + Duration::from_millis(100),
            "{mode}: {most} µs"
        );
        neighbour.tally().assert_sound();
        neighbour.close().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_lab_has_one_exhibit_at_a_time() {
    let server = Server::start().await;
    let (first, second) = (Lab::open(&server.target, "{}").await, Lab::open(&server.target, "{}").await);
    let lane = |mode, policy| Lane::new(mode, feed(100, 85)).policy(policy);
    let through = |lab: &Lab, lane: u16| lab.target(lane, Congestion::Cubic);
    let running = connect(&through(&first, 0), lane(Mode::WebSocket, Policy::Unbounded)).await;
    for mode in [Mode::WebSocket, Mode::StreamPerTopic] {
        let refused =
            Client::connect(&through(&first, 1), lane(mode, Policy::BusySpin)).await.expect("a connection");
        refused.until("it is told to wait", |tally| !tally.goodbyes.is_empty()).await;
        let goodbye = refused.tally().goodbyes[0].clone();
        assert_eq!(goodbye.code, CloseCode::Overloaded);
        assert!(goodbye.reason.contains("in this lab already: 'unbounded'"), "{}", goodbye.reason);
    }
    let elsewhere = connect(&through(&second, 0), lane(Mode::StreamPerTopic, Policy::Unbounded)).await;
    let outside = connect(&server.target, lane(Mode::Datagrams, Policy::SilentDrop { limit: 4 })).await;
    let correct = connect(&through(&first, 2), lane(Mode::WebSocket, Policy::Latest)).await;
    for client in [&running, &elsewhere, &outside, &correct] {
        client.until("it consumes", |tally| tally.consumed.messages >= 50).await;
    }
    let exhibits = Metrics::of(server.target.http).await.sum("sluice_exhibits", &[]);
    assert!((exhibits - 3.0).abs() < 0.5, "{exhibits} run");
    running.close().await;
    until_ended(&server, "unbounded", "client-left", 1.0).await;
    connect(&through(&first, 1), lane(Mode::StreamPerTopic, Policy::BusySpin)).await.until_settled(50).await;
    server.stop().await;
}
