//! What is dropped is reported, to the single message.

use std::time::Duration;

use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::policy::Policy;
use sluice_shared::wire::GapReason;
use sluice_tests::client::{Client, Lane, Pace};
use sluice_tests::metrics::Metrics;
use sluice_tests::server::Server;
use sluice_tests::tally::Tally;

use crate::{NATIVE, feed, ticks};

/// Runs a slow reader until much was dropped, lets it catch up, and checks that everything is accounted for.
async fn drops_are_exact(policy: Policy, reason: GapReason, most_queued: u64, seed: u64) {
    let server = Server::start().await;
    for mode in [Mode::WebSocket, Mode::StreamPerTopic, Mode::StreamPerMessage] {
        let lane = Lane::new(mode, feed(1_000, seed)).policy(policy).window(4, 256 * 1024);
        let lane = lane.pace(Pace::Delay(Duration::from_millis(10)));
        let client = Client::connect(&server.target, lane).await.expect("the server accepts");
        let dropped = |tally: &Tally| tally.gaps().get(&reason).copied().unwrap_or(0);
        client
            .until("much was dropped", |tally| dropped(tally) >= 500 && tally.consumed.messages >= 20)
            .await;
        client.set_pace(Pace::AtOnce).await;
        client.until_settled(500).await;
        client.until("everything is accounted for", Tally::has_no_holes).await;
        assert_only_gaps(&client.tally(), reason);
        let queued = client.tally().samples.iter().map(|sample| sample.policy_queue.held.messages).max();
        assert!((1..=most_queued).contains(&queued.expect("samples came")), "{mode}: {queued:?} queued");
        let (gaps, counted) = (dropped(&client.tally()), format!("reason=\"{}\"", reason.name()));
        let metrics = Metrics::of(server.target.http).await;
        let counted = metrics.sum("sluice_gap_messages_total", &[&format!("mode=\"{mode}\""), &counted]);
        assert!(counted >= gaps as f64, "{mode}: {counted} in metrics, {gaps} reported");
        client.close().await;
    }
    server.stop().await;
}

/// Checks that all is sound, and that there are gaps of no other reason.
fn assert_only_gaps(tally: &Tally, reason: GapReason) {
    tally.assert_sound();
    assert!(tally.gaps().keys().eq([&reason]), "{:?}", tally.gaps());
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_oldest_reports_what_it_drops() {
    drops_are_exact(Policy::DropOldest { limit: 16 }, GapReason::DroppedOldest, 16, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_newest_reports_what_it_drops() {
    drops_are_exact(Policy::DropNewest { limit: 16 }, GapReason::DroppedNewest, 16, 21).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn latest_keeps_one_message_for_each_key_and_reports_the_rest() {
    // Four streams of eight keys.
    drops_are_exact(Policy::Latest, GapReason::Conflated, 32, 22).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn latest_is_never_far_behind_where_lossless_falls_behind() {
    let server = Server::start().await;
    let spec = [FeedSpec::Ticks(TicksSpec { streams: 1, keys: 4, ..ticks(1_000, 23) })];
    let slow =
        Lane::new(Mode::WebSocket, spec).pace(Pace::Delay(Duration::from_millis(5))).window(2, 256 * 1024);
    let lossless = Client::connect(&server.target, slow.clone()).await.expect("the server accepts");
    let latest =
        Client::connect(&server.target, slow.policy(Policy::Latest)).await.expect("the server accepts");
    lossless.until("the lossless lane is far behind", |tally| tally.age.max_micros() > 2_000_000).await;
    let (fresh, stale) =
        (latest.tally().age.quantile_micros(0.99), lossless.tally().age.quantile_micros(0.99));
    assert!(fresh * 4 < stale, "p99 {fresh} µs with latest, {stale} µs with lossless");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_can_change_while_messages_flow() {
    let server = Server::start().await;
    let lane = Lane::new(Mode::StreamPerTopic, feed(1_000, 24)).window(4, 256 * 1024);
    let lane = lane.pace(Pace::Delay(Duration::from_millis(10)));
    let client = Client::connect(&server.target, lane).await.expect("the server accepts");
    client
        .until("a backlog", |tally| {
            tally.samples.last().is_some_and(|sample| sample.backlog.held.messages > 500)
        })
        .await;
    client.set_policy(Policy::DropOldest { limit: 8 }).await;
    client
        .until("the backlog is dropped", |tally| tally.gaps().contains_key(&GapReason::DroppedOldest))
        .await;
    client.set_policy(Policy::Lossless).await;
    client.set_pace(Pace::AtOnce).await;
    client.until_settled(1_000).await;
    client.until("everything is accounted for", Tally::has_no_holes).await;
    client.tally().assert_sound();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datagram_that_is_too_large_is_reported_and_others_go_on() {
    let server = Server::start().await;
    let large = FeedSpec::Ticks(TicksSpec { size: 4_000, ..ticks(500, 25) });
    let small = FeedSpec::Ticks(ticks(500, 26));
    let lane = Lane::new(Mode::Datagrams, [large, small]);
    let client = Client::connect(&server.target, lane).await.expect("the server accepts");
    client.until_settled(1_000).await;
    client.until("everything is accounted for", Tally::has_no_holes).await;
    client.tally().assert_sound();
    for stream in client.tally().streams.values() {
        let too_large = stream.gaps.contains_key(&GapReason::TooLarge);
        if stream.feed == large {
            assert!(too_large && stream.consumed.is_empty(), "{stream:?}");
        } else {
            assert!(!too_large && !stream.consumed.is_empty(), "{stream:?}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_falls_behind_the_log_is_told_what_it_missed() {
    let server = Server::start().await;
    // The largest ticks at this rate fill what one stream may keep, 16 MiB, in less than a second.
    let spec = TicksSpec { rate: 1_500, size: TicksSpec::MAX_SIZE, streams: 1, keys: 1, seed: 27 };
    for mode in NATIVE.into_iter().filter(|mode| mode.is_reliable()) {
        let lane = Lane::new(mode, [FeedSpec::Ticks(spec)]).window(2, 256 * 1024);
        let lane = lane.pace(Pace::Delay(Duration::from_millis(20)));
        let client = Client::connect(&server.target, lane).await.expect("the server accepts");
        client.until("the log has moved on", |tally| tally.gaps().contains_key(&GapReason::Retention)).await;
        client.until_settled(100).await;
        assert_only_gaps(&client.tally(), GapReason::Retention);
        client.close().await;
    }
    let metrics = Metrics::of(server.target.http).await;
    for transport in [Transport::WebSocket, Transport::WebTransport] {
        let labels = [format!("transport=\"{}\"", transport.name()), "reason=\"retention\"".to_owned()];
        assert!(metrics.sum("sluice_gap_messages_total", &[&labels[0], &labels[1]]) > 0.0);
    }
    server.stop().await;
}
