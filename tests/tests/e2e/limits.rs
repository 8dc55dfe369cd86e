//! How many may come, and who.

use sluice_shared::api::Problem;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::units::Amount;
use sluice_shared::wire::{ClientItem, CloseCode, Hello};
use sluice_tests::client::{Client, Lane};
use sluice_tests::connection::ConnectError;
use sluice_tests::deadline::{eventually, must};
use sluice_tests::metrics::Metrics;
use sluice_tests::raw::{Raw, hello};
use sluice_tests::server::Server;
use sluice_tests::{host, http};
use tokio::task::JoinSet;

use crate::feed;

/// Waits until the gauge of sessions says `expected`.
async fn until_sessions(server: &Server, mode: Mode, expected: f64) {
    let label = format!("mode=\"{mode}\"");
    eventually(&format!("{expected} sessions are counted"), || async {
        let sessions = Metrics::of(server.target.http).await.sum("sluice_sessions", &[&label]);
        ((sessions - expected).abs() < 0.5).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sessions_at_once_are_served() {
    const SESSIONS: usize = 1_000;
    host::allow_open_files(4 * SESSIONS as u64).expect("enough open files are allowed");
    let server = Server::start().await;
    let limit = Amount::new(1_000, 1 << 20);
    let hello = Hello { limit, sample_every_millis: 0, ..hello(Mode::WebSocket, feed(4, 50)) };
    let mut opening = JoinSet::new();
    for _ in 0..SESSIONS {
        let (target, hello) = (server.target.clone(), hello.clone());
        opening.spawn(async move {
            let mut raw = Raw::open(&target, Mode::WebSocket).await.expect("the server accepts");
            raw.say(&ClientItem::Hello(hello)).await;
            raw.next_message().await;
            raw
        });
    }
    let sessions = opening.join_all().await;
    until_sessions(&server, Mode::WebSocket, SESSIONS as f64).await;
    // The feed is made once, however many follow it.
    let metrics = Metrics::of(server.target.http).await;
    assert!((metrics.sum("sluice_feed_instances", &[]) - 1.0).abs() < 0.5);
    drop(sessions);
    until_sessions(&server, Mode::WebSocket, 0.0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_says_so_and_takes_others_when_some_leave() {
    const MOST: u32 = 6;
    for mode in [Mode::WebSocket, Mode::OneStream] {
        let server = Server::with(|config| config.max_sessions = MOST).await;
        let mut sessions = Vec::new();
        for _ in 0..MOST {
            sessions.push(Raw::welcomed(&server.target, hello(mode, feed(100, 51))).await.0);
        }
        match Raw::open(&server.target, mode).await {
            // Refused with an answer to the request…
            Err(ConnectError::Refused { status, body }) => {
                if mode.transport() == Transport::WebSocket {
                    assert_eq!(status, 503, "{mode}: {body}");
                    let problem: Problem = serde_json::from_str(&body).expect("problem JSON");
                    assert_eq!(problem.status, 503);
                }
            }
            Err(ConnectError::Failed(why)) => assert_eq!(mode, Mode::OneStream, "{mode}: {why}"),
            // … or accepted and closed.
            Ok(mut raw) => {
                let ending = raw.until_closed().await;
                assert_eq!(
                    ending.closed.code,
                    Some(CloseCode::Overloaded.webtransport()),
                    "{mode}: {ending:?}"
                );
            }
        }
        let metrics = Metrics::of(server.target.http).await;
        let refused = metrics.sum("sluice_refused_total", &["reason=\"full\""]);
        assert!(refused >= 1.0, "{mode}: {refused} were counted");
        sessions.truncate(3);
        until_sessions(&server, mode, 3.0).await;
        let client =
            Client::connect(&server.target, Lane::new(mode, feed(500, 51))).await.expect("there is room");
        client.until_settled(100).await;
        client.tally().assert_complete();
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_is_refused() {
    const EVIL: &str = "http://evil.example";
    let server = Server::start().await;
    let refused = |mode| Client::connect(&server.target, Lane::new(mode, feed(100, 52)).origin(EVIL));

    let Err(ConnectError::Refused { status: 403, body }) = refused(Mode::WebSocket).await else {
        panic!("/ws let in a page of {EVIL}")
    };
    let problem: Problem = serde_json::from_str(&body).expect("problem JSON");
    assert_eq!(problem.status, 403);
    assert!(problem.detail.contains(EVIL) && problem.detail.contains("--allow-origin"), "{problem:?}");
    assert!(
        matches!(refused(Mode::OneStream).await, Err(ConnectError::Refused { .. })),
        "/wt let in a page of {EVIL}"
    );
    let metrics = Metrics::of(server.target.http).await;
    for transport in [Transport::WebSocket, Transport::WebTransport] {
        let transport = format!("transport=\"{}\"", transport.name());
        assert!(
            metrics.sum("sluice_refused_total", &["reason=\"origin\"", &transport]) >= 1.0,
            "{transport}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_this_server_and_of_allowed_origins_are_let_in() {
    const FRIEND: &str = "http://friend.example:8081";
    let server = Server::with(|config| config.allowed_origins = vec![FRIEND.into()]).await;
    let own = format!("http://{}", server.target.http);
    for origin in [own.as_str(), FRIEND] {
        for mode in [Mode::WebSocket, Mode::OneStream] {
            let lane = Lane::new(mode, feed(500, 53)).origin(origin);
            let client = Client::connect(&server.target, lane).await.expect("the origin is allowed");
            client.until_settled(50).await;
            client.close().await;
        }
    }
    server.stop().await;
}

/// DNS rebinding: a page of `name` finds this server behind its own name, so `Origin` and `Host` agree.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_counts_as_this_servers_only_under_a_name_that_the_server_was_given() {
    const NAME: &str = "rebound.example";
    let status = async |server: &Server, path: &str| {
        let name = format!("{NAME}:{}", server.target.http.port());
        let origin = format!("http://{name}");
        let headers = [
            ("host", name.as_str()),
            ("origin", origin.as_str()),
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        must("asking", http::get(server.target.http, path, &headers).await).status
    };
    let server = Server::start().await;
    for path in ["/ws", "/api/info", "/"] {
        assert_eq!(status(&server, path).await, 421, "{path}");
    }
    server.stop().await;
    let server = Server::with(|config| config.hosts = vec![NAME.into()]).await;
    for (path, expected) in [("/ws", 101), ("/api/info", 200), ("/", 200)] {
        assert_eq!(status(&server, path).await, expected, "{path}");
    }
    server.stop().await;
}
