//! Lanes through a lab's network.

use hyper::Method;
use sluice_shared::lab::Congestion;
use sluice_shared::mode::Mode;
use sluice_tests::client::{Client, Lane};
use sluice_tests::deadline::{eventually, in_time};
use sluice_tests::http;
use sluice_tests::lab::{Lab, call, flow_of, has_both};
use sluice_tests::server::Server;
use sluice_tests::target::Target;

use crate::{NATIVE, feed};

async fn connect(target: &Target, mode: Mode, seed: u64) -> Client {
    Client::connect(target, Lane::new(mode, feed(200, seed))).await.expect("the server accepts")
}

/// The median age of what `client` consumes, milliseconds.
fn median_ms(client: &Client) -> u64 {
    client.tally().age.quantile_micros(0.5) / 1_000
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_works_through_a_lab_and_is_delayed_by_it() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":40}}"#).await;
    let mut clients = Vec::new();
    for (lane, mode) in (0..).zip(NATIVE) {
        for congestion in Congestion::ALL {
            clients.push((mode, connect(&lab.target(lane, congestion), mode, 60).await));
        }
    }
    for (mode, client) in &clients {
        client.until_settled(200).await;
        client.until("everything is accounted for", sluice_tests::tally::Tally::has_no_holes).await;
        if mode.is_reliable() {
            client.tally().assert_complete();
        }
        assert!(median_ms(client) >= 40, "{mode}: {} ms", median_ms(client));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_bites_on_connections_that_are_open() {
    let server = Server::start().await;
    let mut lab = Lab::open(&server.target, "{}").await;
    let clients = [
        connect(&lab.target(0, Congestion::Cubic), Mode::WebSocket, 61).await,
        connect(&lab.target(1, Congestion::Cubic), Mode::StreamPerTopic, 61).await,
    ];
    for client in &clients {
        client.until_settled(100).await;
    }
    let before = clients.each_ref().map(median_ms);
    lab.set_link(r#"{"change":{"delay_ms":150}}"#).await;
    for (client, before) in clients.iter().zip(before) {
        client.until("messages are late", |tally| tally.age.quantile_micros(1.0) >= 150_000).await;
        assert!(before < 150, "nothing was late before: {before} ms");
        let tally = client.tally();
        assert_eq!((tally.welcomes.len(), tally.closed.len()), (1, 0), "{}", tally.summary());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_udp_stops_webtransport_and_nothing_else() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let websocket = connect(&lab.target(0, Congestion::Cubic), Mode::WebSocket, 62).await;
    let webtransport = connect(&lab.target(1, Congestion::Cubic), Mode::OneStream, 62).await;
    webtransport.until_settled(50).await;
    lab.event(r#"{"event":"block-udp","blocked":true}"#).await;
    let mut reports = lab.watch().await;
    let blocked = reports
        .until("UDP is dropped", |report| flow_of(report, 1).is_some_and(|flow| flow.down.outage_drops > 5))
        .await;
    assert!(blocked.is_udp_blocked);
    let stuck = webtransport.tally().settled_messages();
    websocket.until_settled(200).await;
    assert_eq!(webtransport.tally().settled_messages(), stuck, "nothing came while UDP was blocked");
    lab.event(r#"{"event":"block-udp","blocked":false}"#).await;
    webtransport.until_settled(50).await;
    assert_eq!(webtransport.tally().welcomes.len(), 1, "it is the same connection");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_holds_both_up_and_both_go_on() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"preset":"fibre"}"#).await;
    let clients = [
        connect(&lab.target(0, Congestion::Bbr), Mode::WebSocket, 63).await,
        connect(&lab.target(1, Congestion::Bbr), Mode::StreamPerTopic, 63).await,
    ];
    for client in &clients {
        client.until_settled(50).await;
    }
    lab.event(r#"{"event":"tunnel","seconds":1.5}"#).await;
    for client in &clients {
        client.until("a message waited", |tally| tally.age.quantile_micros(1.0) >= 1_000_000).await;
        client.until_settled(100).await;
        client.until("everything is accounted for", sluice_tests::tally::Tally::has_no_holes).await;
        client.tally().assert_complete();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_ends_tcp_and_not_quic() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let websocket = connect(&lab.target(0, Congestion::Cubic), Mode::WebSocket, 70).await;
    let mut quic = Vec::new();
    for (lane, mode) in (1..).zip([Mode::OneStream, Mode::StreamPerTopic, Mode::Datagrams]) {
        let client = connect(&lab.target(lane, Congestion::Cubic), mode, 70).await;
        client.until_settled(20).await;
        quic.push(client);
    }
    for _ in 0..3 {
        lab.event(r#"{"event":"switch-network"}"#).await;
        for client in &quic {
            client.until_settled(50).await;
        }
    }
    websocket.until_closed().await;
    for client in &quic {
        client.until("everything is accounted for", sluice_tests::tally::Tally::has_no_holes).await;
        let tally = client.tally();
        assert_eq!((tally.welcomes.len(), tally.closed.len()), (1, 0), "{}", tally.summary());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_can_renew_the_address_after_each_outage() {
    let server = Server::start().await;
    let link = r#"{"outages":[{"at_ms":300,"lasts_ms":200}],"outages_repeat_ms":1000}"#;
    let mut lab = Lab::open(&server.target, "{}").await;
    let websocket = connect(&lab.target(0, Congestion::Cubic), Mode::WebSocket, 71).await;
    let quic = connect(&lab.target(1, Congestion::Cubic), Mode::OneStream, 71).await;
    websocket.until_settled(20).await;
    quic.until_settled(20).await;
    lab.set_link(&format!(r#"{{"profile":{{"renews_address":true,"up":{link},"down":{link}}}}}"#)).await;
    websocket.until_closed().await;
    quic.until_settled(400).await;
    quic.until("everything is accounted for", sluice_tests::tally::Tally::has_no_holes).await;
    quic.tally().assert_complete();
    assert_eq!(quic.tally().welcomes.len(), 1, "it is the same connection");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_name_lanes_and_count_what_was_lost() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"preset":"lossy-2","seed":5}"#).await;
    assert_eq!((lab.view.seed, lab.view.preset.as_deref()), (5, Some("lossy-2")));
    assert!(
        (lab.view.knobs.loss_percent - 2.0).abs() < 1e-9 && (lab.view.knobs.delay_ms - 50.0).abs() < 1e-9
    );
    let _clients = [
        connect(&lab.target(3, Congestion::Cubic), Mode::WebSocket, 64).await,
        connect(&lab.target(4, Congestion::Bbr), Mode::Datagrams, 64).await,
    ];
    let mut reports = lab.watch().await;
    let report = reports
        .until("both lanes lose packets", |report| {
            has_both(report)
                && [3, 4]
                    .iter()
                    .all(|lane| flow_of(report, *lane).is_some_and(|flow| flow.down.lost_packets > 0))
        })
        .await;
    let websocket = flow_of(&report, 3).expect("named");
    let tcp = websocket.tcp.expect("an emulated connection");
    assert_eq!(websocket.congestion, Congestion::Cubic);
    assert!(tcp.cwnd_packets >= 1 && tcp.rtt_micros >= 100_000, "{tcp:?}");
    let lateness = websocket.lateness.expect("writes are followed");
    assert!(lateness.writes > 0 && lateness.propagation_micros >= lateness.writes * 50_000, "{lateness:?}");
    let datagrams = flow_of(&report, 4).expect("named");
    assert_eq!((datagrams.congestion, datagrams.tcp), (Congestion::Bbr, None));
    let capture = lab.call(Method::GET, "/capture.pcapng", "").await;
    assert_eq!(capture.body.get(..4), Some(&[0x0A, 0x0D, 0x0D, 0x0A][..]), "a section header block");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_messages_are_late_is_told_for_every_way_of_carrying_them() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"preset":"lossy-2","seed":6}"#).await;
    let mut clients = Vec::new();
    for (lane, mode) in (0..).zip(NATIVE) {
        clients.push(connect(&lab.target(lane, Congestion::Bbr), mode, 68).await);
    }
    let mut reports = lab.watch().await;
    for (lane, mode) in (0..).zip(NATIVE) {
        let lateness = |report: &sluice_shared::lab::LabReport| flow_of(report, lane)?.lateness;
        let report = reports
            .until(&format!("{mode}: 200 writes are followed"), |report| {
                lateness(report).is_some_and(|lateness| lateness.writes >= 200)
            })
            .await;
        let lateness = lateness(&report).expect("seen");
        // Every write travelled for 50 ms, and none was free of it.
        assert!(lateness.propagation_micros >= 50_000 * lateness.writes, "{mode}: {lateness:?}");
        assert!(lateness.propagation_micros < 55_000 * lateness.writes, "{mode}: {lateness:?}");
        if mode == Mode::Datagrams {
            assert_eq!(lateness.blocked_micros, 0, "nothing is sent again: {lateness:?}");
        }
    }
    let blocked = |report: &sluice_shared::lab::LabReport, lane: u16| {
        let worst = flow_of(report, lane).and_then(|flow| flow.lateness)?.worst?;
        worst.lost_packet.filter(|_| worst.blocked_micros >= 50_000)
    };
    for (lane, mode) in (0..).zip(NATIVE).filter(|(_, mode)| *mode != Mode::Datagrams) {
        let what = format!("{mode}: a write waited for a lost packet, which is named");
        reports.until(&what, |report| blocked(report, lane).is_some()).await;
    }
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_kernels_tcp_crosses_the_same_network_where_the_machine_allows_it() {
    use sluice_relay::kernel::Namespaces;
    use sluice_shared::lab::TcpStack;

    let server = Server::with(|config| config.tcp = TcpStack::Kernel).await;
    if let Err(reason) = Namespaces::create() {
        let answer = call(server.target.http, Method::POST, "/api/labs", "{}").await;
        assert_eq!(answer.status, 503, "a lab that can't be had: {}", answer.text());
        eprintln!("skipped, as there can be no kernel TCP here: {reason}");
        return server.stop().await;
    }
    let mut lab = Lab::open(&server.target, r#"{"change":{"delay_ms":40}}"#).await;
    assert_eq!(lab.view.tcp, TcpStack::Kernel);
    let client = connect(&lab.target(2, Congestion::Cubic), Mode::WebSocket, 69).await;
    client.until_settled(200).await;
    client.tally().assert_complete();
    assert!(median_ms(&client) >= 40, "{} ms", median_ms(&client));
    lab.set_link(r#"{"preset":"lossy-2"}"#).await;
    let mut reports = lab.watch().await;
    let lost = |report: &sluice_shared::lab::LabReport| Some(flow_of(report, 2)?.down.lost_packets);
    reports.until("segments of the kernel's are lost", |report| lost(report) > Some(3)).await;
    client.until_settled(200).await;
    client.tally().assert_complete();
    assert_eq!(client.tally().welcomes.len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labs_are_bounded_and_their_ports_come_back() {
    let server = Server::with(|config| config.max_labs = 1).await;
    let lab = Lab::open(&server.target, "{}").await;
    let client = connect(&lab.target(0, Congestion::Cubic), Mode::WebSocket, 65).await;
    client.until_settled(10).await;
    let full = call(server.target.http, Method::POST, "/api/labs", "{}").await;
    assert_eq!((full.status, full.header("retry-after")), (503, "15"), "{}", full.text());
    let mut reports = lab.watch().await;
    assert!(reports.next().await.is_some());
    assert_eq!(lab.call(Method::DELETE, "", "").await.status, 204);
    client.until_closed().await;
    in_time("the reports end", async { while reports.next().await.is_some() {} }).await;
    assert_eq!(lab.call(Method::GET, "", "").await.status, 404);
    let again = Lab::open(&server.target, "{}").await;
    assert_eq!(again.view.ports, lab.view.ports);
    connect(&again.target(0, Congestion::Cubic), Mode::OneStream, 65).await.until_settled(10).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_is_told_what_is_wrong_and_changes_nothing() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"preset":"lte"}"#).await;
    let link = format!("/api/labs/{}/link", lab.view.id);
    let events = format!("/api/labs/{}/events", lab.view.id);
    for (method, path, body, status, said) in [
        (Method::POST, "/api/labs", r#"{"preset":"lossy2"}"#, 422, "did you mean \\\"lossy-2\\\"?"),
        (
            Method::POST,
            "/api/labs",
            r#"{"change":{"delay_ms":-1}}"#,
            422,
            "change.delay_ms is -1; give 0 to 60000 ms",
        ),
        (Method::POST, "/api/labs", r#"{"color":"red"}"#, 422, "color"),
        (Method::POST, "/api/labs", "{", 400, "EOF"),
        (
            Method::PUT,
            &link,
            r#"{"change":{"loss_percent":101}}"#,
            422,
            "change.loss_percent is 101; give 0 to 100 %",
        ),
        (Method::PUT, &link, r#"{"profile":{"down":{"rate_kbit":0,"queue_ms":5}}}"#, 422, "down.rate_kbit"),
        (Method::PUT, &link, r#"{"profile":{"down":{"queue_ms":5}}}"#, 422, "a queue needs a rate"),
        (Method::PUT, &link, r#"{"preset":"lte","profile":{}}"#, 422, "either preset or profile"),
        (Method::PUT, &link, r#"{"seed":-1}"#, 422, "seed"),
        (Method::POST, &events, r#"{"event":"tunnel","seconds":1e9}"#, 422, "give 0.1 to 120 s"),
        (Method::POST, &events, r#"{"event":"earthquake"}"#, 422, "earthquake"),
        (Method::GET, "/api/labs/00000000000000000000000000000000", "", 404, "POST /api/labs"),
    ] {
        let answer = call(server.target.http, method, path, body).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path} {body}");
        assert!(answer.text().contains(said), "{path} {body}: {}", answer.text());
    }
    let after = lab.call(Method::GET, "", "").await;
    assert_eq!(after.json::<sluice_shared::lab::Lab>().expect("a lab"), lab.view);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_pages_can_neither_change_a_lab_nor_connect_through_it() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let foreign = ("origin", "http://evil.example");
    let json = ("content-type", "application/json");
    let refused =
        http::post(server.target.http, "/api/labs", &[foreign, json], "{}").await.expect("an answer");
    assert_eq!(refused.status, 403, "{}", refused.text());
    for mode in [Mode::WebSocket, Mode::OneStream] {
        let lane = Lane::new(mode, feed(10, 66)).origin("http://evil.example");
        let target = lab.target(0, Congestion::Cubic);
        assert!(Client::connect(&target, lane).await.is_err(), "{mode}");
        let own = format!("http://{}", server.target.http);
        let client = Client::connect(&target, Lane::new(mode, feed(10, 66)).origin(&own)).await;
        client.expect("the server's own page").until_settled(1).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_port_serves_no_page_and_the_page_may_use_just_those_ports() {
    let server = Server::with(|config| config.max_labs = 2).await;
    let lab = Lab::open(&server.target, "{}").await;
    let through = lab.target(0, Congestion::Cubic).http;
    assert_eq!(http::get(through, "/healthz", &[]).await.expect("an answer").status, 200);
    for path in ["/", "/api/info", "/metrics", "/api/labs", "/echo"] {
        let answer = http::get(through, path, &[]).await.expect("an answer");
        assert_eq!((answer.status, answer.header("x-content-type-options")), (404, "nosniff"), "{path}");
    }
    let page = http::get(server.target.http, "/", &[]).await.expect("an answer");
    let policy = page.header("content-security-policy");
    let ports = lab.view.ports.websocket;
    for port in [ports.cubic, ports.cubic_wide, ports.bbr] {
        assert!(policy.contains(&format!(" ws://127.0.0.1:{port} ")), "{policy}");
        assert!(policy.contains(&format!(" https://127.0.0.1:{port} ")), "{policy}");
    }
    let named = policy.split_whitespace().filter(|source| source.starts_with("ws://127.0.0.1:")).count();
    assert_eq!(named, 1 + 2 * Congestion::ALL.len(), "the page's own and three for each lab: {policy}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_leaves_nothing_behind() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let mut reports = lab.watch().await;
    for round in 0..20 {
        let mode = NATIVE[round % NATIVE.len()];
        let client = connect(&lab.target(0, Congestion::Cubic), mode, 67).await;
        client.until_settled(1).await;
        drop(client);
    }
    reports
        .until("all TCP flows are gone", |report| report.flows.iter().all(|flow| flow.tcp.is_none()))
        .await;
    eventually("all TCP connections are gone", async || {
        let metrics = sluice_tests::metrics::Metrics::of(server.target.http).await;
        // The reports and the question itself.
        (metrics.sum("sluice_tcp_connections", &[]) <= 2.5).then_some(())
    })
    .await;
    server.stop().await;
}
