//! Clients that change networks in a lab, and what is seen of it.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::Method;
use sluice_shared::certificate::Verdict;
use sluice_shared::lab::{
    Congestion, LabReport, NewAddress, PathChange, PathFrame, PathFrameKind, QuicPathChange, SwitchReport,
    TcpFate,
};
use sluice_shared::link::Direction;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::time::Time;
use sluice_tests::client::{Client, Lane};
use sluice_tests::lab::{Lab, Reports, call, flow_of};
use sluice_tests::server::Server;
use sluice_tests::tally::Tally;
use sluice_tests::target::Target;
use tokio::time::Instant;

use crate::{NATIVE, feed};

const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(target: &Target, mode: Mode, seed: u64) -> Client {
    let lane = Lane::new(mode, feed(200, seed)).coming_back();
    Client::connect(target, lane).await.expect("the server accepts")
}

/// That nothing was lost, by a certificate and by the client's own account.
async fn assert_certified(client: &Client) {
    let certificate = client.certify(PATIENCE).await;
    client.tally().assert_certified(&certificate);
    client.until("everything is accounted for", Tally::has_no_holes).await;
    if client.mode().is_reliable() {
        assert_eq!(certificate.verdict, Verdict::Continuous, "{}", certificate.to_json());
        client.tally().assert_complete();
    } else {
        client.tally().assert_sound();
    }
}

fn connections(client: &Client) -> usize {
    client.tally().welcomes.len()
}

fn path(report: &LabReport, number: u64, lane: u16) -> Option<&PathChange> {
    let switch = report.switches.iter().find(|switch| switch.number == number)?;
    switch.paths.iter().find(|path| path.lane == Some(lane))
}

fn quic(report: &LabReport, number: u64, lane: u16) -> Option<&QuicPathChange> {
    path(report, number, lane)?.quic.as_ref()
}

/// Whether the server's own QUIC has counted the frames that passed the network.
fn is_counted_alike(quic: &QuicPathChange) -> bool {
    let seen = |kind, direction| {
        let of_kind = |frame: &&PathFrame| frame.kind == kind && frame.direction == direction;
        quic.frames.iter().filter(of_kind).count() as u64
    };
    let counted = quic.counted.unwrap_or_default();
    (seen(PathFrameKind::Challenge, Direction::Down), seen(PathFrameKind::Response, Direction::Up))
        == (counted.challenges_sent, counted.responses_received)
        && (counted.challenges_received, counted.responses_sent) == (0, 0)
}

/// The change `number` as it is once `lane` has gone on by the new path, which is validated.
async fn validated(reports: &mut Reports, number: u64, lane: u16) -> (SwitchReport, PathChange) {
    let what = format!("lane {lane} has a validated path after change {number}");
    let report = reports
        .until(&what, |report| {
            quic(report, number, lane).is_some_and(|quic| {
                let arrived =
                    |kind| quic.frames.iter().any(|frame| frame.kind == kind && frame.arrived_at.is_some());
                quic.gap_micros.is_some()
                    && arrived(PathFrameKind::Challenge)
                    && arrived(PathFrameKind::Response)
                    && is_counted_alike(quic)
            })
        })
        .await;
    let path = path(&report, number, lane).expect("seen").clone();
    let switch = report.switches.into_iter().find(|switch| switch.number == number).expect("seen");
    (switch, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_port_or_host_keeps_the_session_and_leaves_its_evidence() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":10}}"#).await;
    let mut reports = lab.watch().await;
    let mut clients = Vec::new();
    for (lane, mode) in (0..).zip(NATIVE.iter().filter(|mode| mode.transport() == Transport::WebTransport)) {
        let client = connect(&lab.target(lane, Congestion::Cubic), *mode, 170).await;
        client.until_settled(100).await;
        clients.push(client);
    }
    for (number, address) in
        (0..).zip([NewAddress::Port, NewAddress::Host, NewAddress::Host, NewAddress::Port])
    {
        lab.event(&format!(r#"{{"event":"switch-network","address":"{}"}}"#, address.name())).await;
        for (lane, client) in (0..).zip(&clients) {
            client.until_settled(50).await;
            let (switch, path) = validated(&mut reports, number, lane).await;
            assert_evidence(&switch, &path, address);
        }
    }
    for client in &clients {
        assert_certified(client).await;
        assert_eq!(connections(client), 1, "it is the same connection");
    }
    server.stop().await;
}

/// That the evidence of one QUIC connection adds up.
fn assert_evidence(switch: &SwitchReport, path: &PathChange, asked: NewAddress) {
    let quic = path.quic.as_ref().expect("QUIC");
    let new_address = path.new_address.as_deref().expect("it has another");
    assert_ne!(path.old_address, new_address);
    let host = |address: &str| address.rsplit_once(':').map(|(host, _)| host.to_owned());
    match (asked, &switch.problem) {
        (NewAddress::Host, None) => assert_ne!(host(&path.old_address), host(new_address)),
        // Only Linux has all of 127.0.0.0/8.
        (NewAddress::Host, Some(problem)) if cfg!(target_os = "linux") => panic!("{problem}"),
        (NewAddress::Host, Some(_)) => {}
        (NewAddress::Port, _) => assert_eq!(host(&path.old_address), host(new_address)),
    }
    let arrived = |ends: sluice_shared::lab::PathEnds| ends.arrived_at.expect("seen");
    assert!(arrived(path.old_up) <= arrived(quic.new_up), "{path:?}");
    let times =
        [switch.at, arrived(quic.new_up), quic.new_down.sent_at.expect("sent"), arrived(quic.new_down)];
    assert!(times.is_sorted(), "{times:?} {path:?}");
    assert!(arrived(path.old_down) <= arrived(quic.new_down), "{path:?}");
    // A challenge to the new address came back as it was.
    let challenge = quic
        .frames
        .iter()
        .find(|frame| {
            frame.kind == PathFrameKind::Challenge
                && frame.direction == Direction::Down
                && !frame.is_to_old_address
        })
        .expect("the new path is challenged");
    let response = quic
        .frames
        .iter()
        .find(|frame| frame.kind == PathFrameKind::Response && frame.direction == Direction::Up)
        .expect("the challenge is answered");
    assert!(
        quic.frames.iter().any(|frame| frame.data == response.data && frame.kind == PathFrameKind::Challenge)
    );
    assert_eq!(challenge.data.len(), 16);
    let took = response.arrived_at.expect("it arrived").since(challenge.sent_at);
    assert!(took >= Duration::from_millis(20), "a round trip of the network: {took:?}");
    // A NAT's client knows of nothing, so it has no reason to use another ID of the server's.
    assert!(
        quic.client_sends_to.before.is_some() && quic.client_sends_to.before == quic.client_sends_to.after
    );
    let (before, after) = (quic.before.expect("asked"), quic.after.expect("asked"));
    assert!(before.cwnd_bytes > 0 && before.rtt_micros >= 20_000, "{before:?}");
    if path.old_address.rsplit_once(':').map(|parts| parts.0)
        != new_address.rsplit_once(':').map(|parts| parts.0)
    {
        assert_ne!(before.rtt_micros, after.rtt_micros, "another host begins anew");
    }
    let gap = Duration::from_micros(quic.gap_micros.expect("seen"));
    assert!(gap < Duration::from_secs(5), "{gap:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_that_is_told_comes_back_and_its_next_connection_is_named() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":10}}"#).await;
    let mut reports = lab.watch().await;
    let client = connect(&lab.target(4, Congestion::Cubic), Mode::WebSocket, 171).await;
    client.until_settled(50).await;
    lab.event(r#"{"event":"switch-network","tcp":"told"}"#).await;
    let report = reports
        .until("the next connection has carried something", |report| {
            next_of(report, 4).is_some_and(|next| next.first_byte_at.is_some())
        })
        .await;
    let switch = &report.switches[0];
    assert_eq!((switch.tcp, switch.address), (TcpFate::Told, NewAddress::Port));
    let path = path(&report, 0, 4).expect("it was there");
    let next = next_of(&report, 4).expect("seen");
    let (syn, established) = (next.syn_at.expect("seen"), next.established_at.expect("seen"));
    assert!(switch.at <= syn && next.flow > path.flow);
    assert!(established.since(syn) >= Duration::from_millis(30), "SYN, SYN-ACK, ACK over 10 ms each");
    assert!(next.first_byte_at.expect("seen") > established);
    assert_ne!(path.new_address.as_deref(), Some(path.old_address.as_str()));
    assert!(path.old_down.arrived_at.is_some_and(|at| at <= report.at));
    client.until_settled(50).await;
    assert_certified(&client).await;
    assert_eq!(connections(&client), 2);
    server.stop().await;
}

fn next_of(report: &LabReport, lane: u16) -> Option<sluice_shared::lab::NextConnection> {
    path(report, 0, lane)?.tcp.as_ref()?.next
}

/// Waits until lane 5, whose connection has fallen silent, has found out by itself and has another one.
async fn until_it_is_back(client: &Client, reports: &mut Reports) -> LabReport {
    client.until_within(PATIENCE, "it notices the silence", |tally| tally.silences > 0).await;
    assert!(client.tally().closed.is_empty(), "nobody told it: {}", client.tally().summary());
    reports.until("another connection has its place", |report| next_of(report, 5).is_some()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_that_is_not_told_finds_out_by_itself() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let mut reports = lab.watch().await;
    let client = connect(&lab.target(5, Congestion::Cubic), Mode::WebSocket, 172).await;
    client.until_settled(50).await;
    lab.event(r#"{"event":"switch-network","tcp":"silent"}"#).await;
    let report = until_it_is_back(&client, &mut reports).await;
    let next = next_of(&report, 5).expect("seen");
    let silent_for = next.syn_at.expect("seen").since(report.switches[0].at);
    assert!(silent_for >= Duration::from_millis(500), "it took its time: {silent_for:?}");
    client.until_settled(50).await;
    assert_certified(&client).await;
    reports
        .until("the silent connection is gone", |report| {
            report.flows.iter().filter(|flow| flow.lane == Some(5)).count() == 1
        })
        .await;
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_over_the_kernels_tcp_finds_out_by_itself_too_where_the_machine_allows_it() {
    use sluice_relay::kernel::Namespaces;
    use sluice_shared::lab::TcpStack;

    if let Err(reason) = Namespaces::create() {
        return eprintln!("skipped, as there can be no kernel TCP here: {reason}");
    }
    let server = Server::with(|config| config.tcp = TcpStack::Kernel).await;
    let lab = Lab::open(&server.target, "{}").await;
    let mut reports = lab.watch().await;
    let client = connect(&lab.target(5, Congestion::Cubic), Mode::WebSocket, 179).await;
    client.until_settled(50).await;
    lab.event(r#"{"event":"switch-network","tcp":"silent"}"#).await;
    let report = until_it_is_back(&client, &mut reports).await;
    let cut = path(&report, 0, 5).expect("it was there");
    assert!(next_of(&report, 5).expect("seen").flow > cut.flow, "{cut:?}");
    client.until_settled(50).await;
    assert_certified(&client).await;
    assert_eq!(connections(&client), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_changes_a_second_are_survived() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":5}}"#).await;
    let client = connect(&lab.target(0, Congestion::Cubic), Mode::StreamPerTopic, 173).await;
    client.until_settled(50).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    for n in 0..30 {
        ticks.tick().await;
        let address = NewAddress::ALL[n % 2].name();
        lab.event(&format!(r#"{{"event":"switch-network","address":"{address}"}}"#)).await;
    }
    client.until_settled(100).await;
    assert_certified(&client).await;
    assert_eq!(connections(&client), 1, "it is the same connection");
    let report = lab.watch().await.next().await.expect("a report");
    let numbers: Vec<u64> = report.switches.iter().map(|switch| switch.number).collect();
    assert_eq!(numbers, (22..30).collect::<Vec<_>>(), "the last are remembered");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_a_tunnel_is_found_out_at_its_end() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":10}}"#).await;
    let mut reports = lab.watch().await;
    let client = connect(&lab.target(0, Congestion::Bbr), Mode::OneStream, 174).await;
    client.until_settled(50).await;
    lab.event(r#"{"event":"tunnel","seconds":4}"#).await;
    reports
        .until("nothing is under way any more", |report| {
            report.is_out
                && flow_of(report, 0)
                    .is_some_and(|flow| flow.up.wire.packets == 0 && flow.up.outage_drops > 0)
        })
        .await;
    lab.event(r#"{"event":"switch-network","address":"host"}"#).await;
    let (switch, path) = validated(&mut reports, 0, 0).await;
    let tunnel = reports.next().await.and_then(|report| report.tunnels.into_iter().next()).expect("a tunnel");
    assert!(tunnel.switched && switch.at < tunnel.until, "{:?} is behind the tunnel: {tunnel:?}", switch.at);
    let quic = path.quic.expect("QUIC");
    assert!(quic.new_up.arrived_at.expect("seen") >= tunnel.until, "{quic:?}, {tunnel:?}");
    let last_before = path.old_down.arrived_at.expect("seen");
    assert!(last_before < switch.at, "{last_before:?}, {switch:?}");
    let gap = Duration::from_micros(quic.gap_micros.expect("seen"));
    assert!(gap >= tunnel.until.since(last_before), "{gap:?}, {last_before:?}, {tunnel:?}");
    assert!(quic.lost_packets > 0 && quic.lost_until.is_some(), "the server went on for a while: {quic:?}");
    client.until_settled(50).await;
    assert_certified(&client).await;
    assert_eq!(connections(&client), 1, "it is the same connection");
    server.stop().await;
}

/// Opens a session while the clients change networks four times, `step` apart, and checks that nothing is lost; whether a
/// change met the handshake of one of its connections.
async fn open_under_changes(lab: &Lab, lane: u16, address: NewAddress, step: Duration) -> bool {
    let target = lab.target(lane, Congestion::Cubic);
    let earlier = lab.watch().await.next().await.expect("a report");
    let earlier: BTreeSet<u64> = earlier.flows.iter().map(|flow| flow.flow).collect();
    // The server takes nothing from another address before the handshake is over (RFC 9000 §9), so that a client may have
    // to try again.
    let opening = async {
        loop {
            let opening = connect(&target, Mode::OneStream, 175);
            if let Ok(client) = tokio::time::timeout(Duration::from_secs(2), opening).await {
                return client;
            }
        }
    };
    let switching = async {
        for _ in 0..4 {
            tokio::time::sleep(step).await;
            lab.event(&format!(r#"{{"event":"switch-network","address":"{}"}}"#, address.name())).await;
        }
    };
    let (client, ()) = tokio::join!(tokio::time::timeout(PATIENCE, opening), switching);
    let client = client.expect("it does not hang");
    client.until_settled(50).await;
    assert_certified(&client).await;
    let welcomed_at = client.tally().welcomes[0].server_now;
    let report = lab.watch().await.next().await.expect("a report");
    report.switches.iter().any(|switch| {
        let mut paths = switch.paths.iter().filter(|path| !earlier.contains(&path.flow));
        switch.at < welcomed_at && paths.any(|path| is_in_its_handshake(path, switch.at))
    })
}

/// Whether the server had heard of a connection when its client's address changed, and could not yet be asked about it: it
/// can as soon as it has let a session in.
fn is_in_its_handshake(path: &PathChange, changed_at: Time) -> bool {
    let was_heard_of = path.old_up.arrived_at.is_some_and(|at| at <= changed_at);
    let could_be_asked = |quic: &QuicPathChange| quic.before.is_some() || quic.counted.is_some();
    was_heard_of && path.quic.as_ref().is_some_and(|quic| !could_be_asked(quic))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_the_handshake_does_no_harm() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":60}}"#).await;
    let mut lanes = 0..;
    for address in NewAddress::ALL {
        let give_up = Instant::now() + 2 * PATIENCE;
        loop {
            let lane = lanes.next().expect("there are many");
            // At other moments each time.
            let step = Duration::from_millis(50 + u64::from(lane % 4) * 15);
            if open_under_changes(&lab, lane, address, step).await {
                break;
            }
            assert!(Instant::now() < give_up, "no change of the {} met a handshake", address.name());
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_migration_a_session_needs_another_connection() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let mut reports = lab.watch().await;
    let before = connect(&lab.target(0, Congestion::Cubic), Mode::OneStream, 176).await;
    before.until_settled(20).await;
    lab.event(r#"{"event":"migration","allowed":false}"#).await;
    reports.until("it is told", |report| report.is_migration_off).await;
    let after = connect(&lab.target(1, Congestion::Cubic), Mode::OneStream, 176).await;
    after.until_settled(20).await;
    lab.event(r#"{"event":"switch-network"}"#).await;
    after.until_within(PATIENCE, "it comes back", |tally| tally.welcomes.len() == 2).await;
    for client in [&before, &after] {
        client.until_settled(50).await;
        assert_certified(client).await;
    }
    assert_eq!(connections(&before), 1, "it began before");
    lab.event(r#"{"event":"migration","allowed":true}"#).await;
    reports.until("it is told", |report| !report.is_migration_off).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_cannot_be_are_refused_and_say_what_can() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let events = format!("/api/labs/{}/events", lab.view.id);
    for (body, said) in [
        (r#"{"event":"switch-network","address":"planet"}"#, "planet"),
        (r#"{"event":"switch-network","tcp":"loud"}"#, "loud"),
        (r#"{"event":"switch-network","speed":1}"#, "speed"),
        (r#"{"event":"balance"}"#, "routing"),
        (r#"{"event":"balance","routing":"luck"}"#, "luck"),
        (r#"{"event":"balance","routing":"address","backends":1}"#, "backends is 1; give 2 to 4"),
        (r#"{"event":"balance","routing":"address","backends":5}"#, "backends is 5; give 2 to 4"),
        (r#"{"event":"balance","routing":"address","backends":-1}"#, "-1"),
        (r#"{"event":"backend","index":0,"up":false}"#, "set one with the event balance"),
        (r#"{"event":"backend","index":300,"up":false}"#, "300"),
        (r#"{"event":"backend","index":0}"#, "up"),
        (r#"{"event":"migration"}"#, "allowed"),
        (r#"{"event":"migration","allowed":"maybe"}"#, "maybe"),
    ] {
        let answer = call(server.target.http, Method::POST, &events, body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json", "{body}");
        assert!(answer.text().contains(said), "{body}: {}", answer.text());
    }
    let report = lab.watch().await.next().await.expect("a report");
    assert!(report.switches.is_empty() && report.balancer.is_none() && !report.is_migration_off);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_in_front_of_another_server_has_no_backends_and_says_so() {
    use sluice_server::relay::{RelayConfig, start};

    let udp = vec!["0=127.0.0.1:9".parse().expect("a way")];
    let control = Some("127.0.0.1:0".parse().expect("an address"));
    let relay = start(RelayConfig { udp, control, ..RelayConfig::default() }).await.expect("it starts");
    let url = relay.control().expect("it was asked for");
    let host = url.strip_prefix("http://").and_then(|url| url.split('/').next()).expect("a URL");
    let host = host.parse().expect("an address");
    for body in [
        r#"{"event":"balance","routing":"address"}"#,
        r#"{"event":"balance","routing":"off"}"#,
        r#"{"event":"backend","index":0,"up":false}"#,
        r#"{"event":"migration","allowed":false}"#,
    ] {
        let answer = call(host, Method::POST, "/api/labs/relay/events", body).await;
        assert_eq!(answer.status, 409, "{body}: {}", answer.text());
        assert!(answer.text().contains("leads to one server"), "{}", answer.text());
    }
    let switch = r#"{"event":"switch-network","address":"host","tcp":"silent"}"#;
    assert_eq!(call(host, Method::POST, "/api/labs/relay/events", switch).await.status, 204);
    assert_eq!(relay.report().switches.len(), 1);
    relay.finish().expect("nothing is written");
}
