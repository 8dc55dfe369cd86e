//! What is posted comes out on the lanes; what is malformed gets a problem document.

use futures_util::future::join_all;
use sluice_shared::api::Problem;
use sluice_shared::feed::FeedSpec;
use sluice_shared::mode::Mode;
use sluice_shared::wire::codec::MAX_PAYLOAD;
use sluice_tests::client::{Client, Lane};
use sluice_tests::deadline::must;
use sluice_tests::http::{self, Answer};
use sluice_tests::metrics::Metrics;
use sluice_tests::server::Server;

use crate::NATIVE;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn publish(server: &Server, headers: &[(&str, &str)], body: impl Into<bytes::Bytes>) -> Answer {
    must("posting", http::post(server.target.http, "/api/feeds/publish", headers, body).await)
}

fn assert_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem: Problem = answer.json().expect("problem JSON");
    assert_eq!(problem.status, status);
    assert!(!problem.title.is_empty() && !problem.detail.is_empty(), "{problem:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_posted_reaches_every_lane_as_it_was() {
    let server = Server::start().await;
    let mut clients = Vec::new();
    for mode in NATIVE {
        let lane = Lane::new(mode, [FeedSpec::Publish]);
        let client = Client::connect(&server.target, lane).await.expect("the server accepts");
        client.until_welcome().await;
        clients.push(client);
    }
    let bodies: Vec<String> =
        (0..20).map(|number| format!("{{\"number\": {number}, \"text\": \"späte Post\"}}")).collect();
    for body in &bodies {
        let answer = publish(&server, &JSON, body.clone()).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    for client in &clients {
        client.until("all of it is there", |tally| tally.settled_messages() >= bodies.len() as u64).await;
        let tally = client.tally();
        let received: Vec<_> = tally.messages.values().map(|(_, payload)| payload.clone()).collect();
        assert!(received.iter().eq(bodies.iter()), "{received:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_published_is_refused_with_a_reason() {
    let server = Server::start().await;
    for malformed in ["{\"open\": ", "", "not JSON", "1 2", "\u{0}"] {
        assert_problem(&publish(&server, &JSON, malformed).await, 400);
    }
    assert_problem(&publish(&server, &[("content-type", "text/plain")], "1").await, 415);
    assert_problem(&publish(&server, &[], "1").await, 415);
    let large = format!("\"{}\"", "x".repeat(MAX_PAYLOAD));
    assert_problem(&publish(&server, &JSON, large).await, 413);
    let largest = format!("\"{}\"", "x".repeat(MAX_PAYLOAD - 2));
    assert_eq!(publish(&server, &JSON, largest).await.status, 202);

    let elsewhere = must("posting", http::post(server.target.http, "/api/feeds/sky", &JSON, "1").await);
    assert_problem(&elsewhere, 404);
    let metrics = Metrics::of(server.target.http).await;
    assert!(metrics.sum("sluice_feed_rejected_total", &["feed=\"publish\""]) >= 8.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_posts_too_fast_is_told_when_to_come_back() {
    let server = Server::start().await;
    let mut accepted = 0;
    let refused = loop {
        // One after the other may be slower than what is allowed.
        let answers = join_all((0..8).map(|_| publish(&server, &JSON, "1"))).await;
        accepted += answers.iter().filter(|answer| answer.status == 202).count();
        if let Some(refused) = answers.into_iter().find(|answer| answer.status != 202) {
            break refused;
        }
        assert!(accepted < 5_000, "nothing holds back whoever posts");
    };
    assert_problem(&refused, 429);
    assert!(
        refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1),
        "{:?}",
        refused.headers
    );
    assert!(accepted > 0);
    let client = Client::connect(&server.target, Lane::new(Mode::WebSocket, [FeedSpec::Publish])).await;
    client.expect("the server still accepts").until_welcome().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_the_feed_takes_nothing() {
    use sluice_server::FeedKind;
    let server = Server::with(|config| config.feeds = vec![FeedKind::Ticks]).await;
    assert_problem(&publish(&server, &JSON, "1").await, 404);
    assert_eq!(server.info().await.feeds, ["ticks"]);
    server.stop().await;
}
