//! Tunnels of a lab, and which connections come out of them.

use std::time::Duration;

use sluice_shared::certificate::Verdict;
use sluice_shared::lab::{Congestion, LabReport, TunnelPath, TunnelReport};
use sluice_shared::mode::{Mode, Transport};
use sluice_tests::client::{Client, Lane};
use sluice_tests::lab::{Lab, Reports, flow_of};
use sluice_tests::server::Server;

use crate::feed;

const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(lab: &Lab, lane: u16, mode: Mode, congestion: Congestion, seed: u64) -> Client {
    let target = lab.target(lane, congestion);
    let lane = Lane::new(mode, feed(200, seed)).coming_back();
    let client = Client::connect(&target, lane).await.expect("the server accepts");
    client.until_settled(50).await;
    client
}

/// Tunnel `number` once each of `lanes` lanes is back.
async fn through(reports: &mut Reports, number: u64, lanes: usize) -> TunnelReport {
    let find = |report: &LabReport| {
        let tunnel = report.tunnels.iter().find(|tunnel| tunnel.number == number)?;
        let is_back = |path: &TunnelPath| path.lane.is_some() && path.resumed.is_some();
        (tunnel.paths.iter().filter(|path| is_back(path)).count() == lanes).then(|| tunnel.clone())
    };
    let what = format!("all lanes are back after tunnel {number}");
    let report = reports.until(&what, |report| find(report).is_some()).await;
    find(&report).expect("waited for")
}

async fn assert_nothing_lost(client: &Client) {
    let certificate = client.certify(PATIENCE).await;
    assert_eq!(certificate.verdict, Verdict::Continuous, "{}", certificate.to_json());
    client.tally().assert_complete();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_tunnel_is_survived_by_each_connection() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":10}}"#).await;
    let mut reports = lab.watch().await;
    let mut clients = vec![connect(&lab, 0, Mode::WebSocket, Congestion::Cubic, 190).await];
    for (lane, congestion) in (1..).zip(Congestion::ALL) {
        clients.push(connect(&lab, lane, Mode::OneStream, congestion, 190).await);
    }
    for number in 0..2 {
        lab.event(r#"{"event":"tunnel","seconds":1}"#).await;
        let tunnel = through(&mut reports, number, 4).await;
        assert_eq!((tunnel.until.since(tunnel.from), tunnel.switched), (Duration::from_secs(1), false));
        let expected = [
            (Some(0), Transport::WebSocket, Congestion::Cubic),
            (Some(1), Transport::WebTransport, Congestion::Cubic),
            (Some(2), Transport::WebTransport, Congestion::CubicWide),
            (Some(3), Transport::WebTransport, Congestion::Bbr),
        ];
        let seen: Vec<_> =
            tunnel.paths.iter().map(|path| (path.lane, path.transport, path.congestion)).collect();
        assert_eq!(seen, expected);
        for path in &tunnel.paths {
            let (last, resumed) = (path.last_data_at.expect("seen"), path.resumed.expect("waited for"));
            assert_eq!(resumed.flow, path.flow, "it survived: {path:?}");
            assert!(
                last < tunnel.until && resumed.at >= tunnel.until + Duration::from_millis(10),
                "{path:?}"
            );
        }
        for client in &clients {
            client.until_settled(50).await;
        }
    }
    for client in &clients {
        assert_eq!(client.tally().welcomes.len(), 1, "it is the same connection");
        assert_nothing_lost(client).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_comes_back_by_another_connection_is_told_from_one_that_survives() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":10}}"#).await;
    let mut reports = lab.watch().await;
    let clients = [
        connect(&lab, 4, Mode::WebSocket, Congestion::Cubic, 191).await,
        connect(&lab, 5, Mode::StreamPerTopic, Congestion::CubicWide, 191).await,
    ];
    lab.event(r#"{"event":"tunnel","seconds":2}"#).await;
    let report = reports.until("it has begun", |report| report.is_out).await;
    assert!(report.tunnels[0].paths.iter().all(|path| path.resumed.is_none()), "{:?}", report.tunnels);
    lab.event(r#"{"event":"switch-network","address":"host","tcp":"told"}"#).await;
    let tunnel = through(&mut reports, 0, 2).await;
    assert!(tunnel.switched);
    let [websocket, webtransport] = tunnel.paths.as_slice() else { panic!("{tunnel:?}") };
    let back = websocket.resumed.expect("waited for");
    assert!(back.flow > websocket.flow && back.at > tunnel.until, "{websocket:?}");
    let report = reports.next().await.expect("the lab is open");
    assert_eq!(flow_of(&report, 4).map(|flow| flow.flow), Some(back.flow), "that is the lane's connection");
    let survived = webtransport.resumed.expect("waited for");
    assert_eq!(survived.flow, webtransport.flow);
    assert!(survived.at > tunnel.until);
    for (client, connections) in clients.iter().zip([2, 1]) {
        client.until_settled(50).await;
        assert_eq!(client.tally().welcomes.len(), connections, "{}", client.mode());
        assert_nothing_lost(client).await;
    }
    server.stop().await;
}

/// The server sends on to a client that has given up and said so to nobody: that is no survival.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_gives_up_in_a_tunnel_has_not_survived_it() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":10}}"#).await;
    let mut reports = lab.watch().await;
    let client = connect(&lab, 6, Mode::OneStream, Congestion::CubicWide, 193).await;
    lab.event(r#"{"event":"tunnel","seconds":1.5}"#).await;
    reports.until("it has begun", |report| report.is_out).await;
    client.cut().await;
    let tunnel = through(&mut reports, 0, 1).await;
    let path = tunnel.paths.iter().find(|path| path.lane == Some(6)).expect("it was there");
    let back = path.resumed.expect("waited for");
    assert!(back.flow > path.flow && back.at > tunnel.until, "{path:?}");
    client.until_settled(50).await;
    assert_nothing_lost(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_choice_of_a_congestion_controller_is_what_the_server_says_it_uses() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":10}}"#).await;
    for (lane, congestion) in (0..).zip(Congestion::ALL) {
        for mode in [Mode::WebSocket, Mode::OneStream] {
            let client = connect(&lab, lane, mode, congestion, 192).await;
            let facts = client.tally().welcomes[0].facts.clone();
            assert_eq!(facts.congestion_control.as_deref(), Some(congestion.controller()));
            let is_wide = facts.initial_window.is_some_and(|bytes| bytes >= Congestion::WIDE_WINDOW_BYTES);
            assert_eq!(is_wide, congestion == Congestion::CubicWide, "{mode} {congestion}: {facts:?}");
        }
    }
    server.stop().await;
}
