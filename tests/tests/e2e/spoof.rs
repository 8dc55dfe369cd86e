//! Somebody who copies a QUIC client's packets in a lab, and what comes of it.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::Method;
use sluice_shared::certificate::Verdict;
use sluice_shared::lab::{
    Congestion, LabReport, OriginalFate, PathFrame, PathFrameKind, SpoofPath, SpoofReport,
};
use sluice_shared::link::Direction;
use sluice_shared::mode::Mode;
use sluice_tests::client::{Client, Lane};
use sluice_tests::lab::{Lab, Reports, call};
use sluice_tests::server::Server;

use crate::feed;

const PATIENCE: Duration = Duration::from_secs(30);
/// What quinn 0.11 sends beyond the limit each time that it turns to an address: a last datagram on a path that nobody
/// has measured (RFC 9000 §14.1), and a probe of its MTU, which it does not count.
const EXCESS_BYTES: u64 = 1_200 + 1_452;

async fn connect(lab: &Lab, lane: u16, mode: Mode) -> Client {
    let target = lab.target(lane, Congestion::Cubic);
    let lane = Lane::new(mode, feed(200, 190)).coming_back();
    let client = Client::connect(&target, lane).await.expect("the server accepts");
    client.until_settled(50).await;
    client
}

async fn assert_stayed(client: &Client) {
    client.until_settled(50).await;
    let certificate = client.certify(PATIENCE).await;
    assert_eq!(certificate.verdict, Verdict::Continuous, "{}", certificate.to_json());
    client.tally().assert_certified(&certificate);
    client.tally().assert_complete();
    assert_eq!(client.tally().welcomes.len(), 1, "it is the same connection");
}

fn path(report: &LabReport, number: u64, lane: u16) -> Option<(&SpoofReport, &SpoofPath)> {
    let spoof = report.spoofs.iter().find(|spoof| spoof.number == number)?;
    Some((spoof, spoof.paths.iter().find(|path| path.lane == Some(lane))?))
}

fn frames(path: &SpoofPath, kind: PathFrameKind, is_to_attacker: bool) -> impl Iterator<Item = &PathFrame> {
    let wanted = move |frame: &&PathFrame| frame.kind == kind && frame.is_to_old_address == is_to_attacker;
    path.frames.iter().filter(wanted)
}

/// The challenges to the client's own address that it has answered.
fn answered(path: &SpoofPath) -> usize {
    let responses: BTreeSet<&str> = frames(path, PathFrameKind::Response, false)
        .filter(|frame| frame.direction == Direction::Up && frame.arrived_at.is_some())
        .map(|frame| frame.data.as_str())
        .collect();
    frames(path, PathFrameKind::Challenge, false)
        .filter(|frame| frame.arrived_at.is_some() && responses.contains(frame.data.as_str()))
        .count()
}

/// Attacks of which a busy server may answer none at the attacker's address, since the client's next packet is there
/// before it has anything to say.
const ATTEMPTS: u64 = 20;

/// The attack as it is once `copies` were sent and the server has gone on with the client of `lane` for a while.
async fn gone_on(reports: &mut Reports, number: u64, lane: u16, copies: u64) -> (SpoofReport, SpoofPath) {
    let what = format!("the server goes on with lane {lane} after attack {number}");
    let report = reports
        .until(&what, |report| {
            path(report, number, lane).is_some_and(|(_, path)| {
                let is_back = path.turned_at.is_none() || (path.returned_at.is_some() && answered(path) > 0);
                path.copied.packets == copies && path.data_packets >= 20 && is_back
            })
        })
        .await;
    let (spoof, path) = path(&report, number, lane).expect("seen");
    (spoof.clone(), path.clone())
}

/// That the attacker has got little, and nobody has believed it.
fn assert_harmless(spoof: &SpoofReport, path: &SpoofPath) {
    assert_eq!(path.copied.packets, u64::from(spoof.packets));
    assert_ne!(path.attacker_address, path.client_address);
    if cfg!(target_os = "linux") {
        assert_eq!(spoof.problem, None);
        let host = |address: &str| address.rsplit_once(':').map(|(host, _)| host.to_owned());
        assert_ne!(host(&path.attacker_address), host(&path.client_address));
    }
    assert!(path.is_open && path.copied_at >= Some(spoof.at));
    // A challenge to the attacker's address is the sign that the server has turned there.
    let asked: BTreeSet<&str> =
        frames(path, PathFrameKind::Challenge, true).map(|frame| frame.data.as_str()).collect();
    let turns = asked.len() as u64 + path.more_frames;
    let bound = SpoofReport::MOST_AMPLIFIED * path.copied.bytes + turns * EXCESS_BYTES;
    assert!(path.reflected.bytes <= bound, "{bound}: {path:?}");
    assert_eq!(path.turned_at.is_some(), path.reflected.packets > 0, "{path:?}");
    if path.turned_at.is_none() {
        return;
    }
    assert!(!asked.is_empty(), "the server asks the attacker: {path:?}");
    let answers: Vec<&PathFrame> =
        [false, true].into_iter().flat_map(|to| frames(path, PathFrameKind::Response, to)).collect();
    let answers_it = |frame: &&PathFrame| asked.contains(frame.data.as_str());
    assert!(!answers.iter().any(answers_it), "nobody answers there: {path:?}");
    assert!(!answers.is_empty(), "the client answers for its own address");
    let times = [path.copied_at, path.turned_at, path.returned_at, path.last_data_at];
    assert!(times.iter().all(Option::is_some) && times.is_sorted(), "{path:?}");
    assert!(path.before.is_some_and(|state| state.cwnd_bytes > 0) && path.after.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_packet_does_not_move_a_session_whatever_becomes_of_the_original() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":10}}"#).await;
    let mut reports = lab.watch().await;
    let modes = [Mode::OneStream, Mode::StreamPerTopic, Mode::StreamPerMessage];
    let mut clients = Vec::new();
    for (lane, mode) in (0..).zip(modes) {
        clients.push(connect(&lab, lane, mode).await);
    }
    let untouched = connect(&lab, 9, Mode::WebSocket).await;
    let mut number = 0;
    for original in OriginalFate::ALL {
        let mut turned = BTreeSet::new();
        while turned.len() < clients.len() {
            assert!(number < ATTEMPTS, "{original:?}: the server has turned at lanes {turned:?} alone");
            lab.event(&format!(r#"{{"event":"spoof","original":"{}"}}"#, original.name())).await;
            for lane in (0..).take(clients.len()) {
                let (spoof, path) = gone_on(&mut reports, number, lane, 1).await;
                assert_eq!((spoof.packets, spoof.original, spoof.paths.len()), (1, original, clients.len()));
                assert_harmless(&spoof, &path);
                if let (Some(there), Some(back)) = (path.turned_at, path.returned_at) {
                    turned.insert(lane);
                    eprintln!(
                        "{}: {} B copied, {} B in {} datagrams to the attacker; away for {:?}",
                        original.name(),
                        path.copied.bytes,
                        path.reflected.bytes,
                        path.reflected.packets,
                        back.since(there),
                    );
                }
            }
            number += 1;
        }
    }
    for client in clients.iter().chain([&untouched]) {
        assert_stayed(client).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attacker_that_keeps_many_packets_gains_three_times_what_it_sends_and_little_more() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":10}}"#).await;
    let mut reports = lab.watch().await;
    let client = connect(&lab, 0, Mode::OneStream).await;
    lab.event(r#"{"event":"spoof","packets":16,"original":"dropped"}"#).await;
    let (spoof, path) = gone_on(&mut reports, 0, 0, 16).await;
    assert_harmless(&spoof, &path);
    assert_stayed(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_attacks_a_second_are_survived() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":5}}"#).await;
    let client = connect(&lab, 0, Mode::StreamPerTopic).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    for n in 0..30 {
        ticks.tick().await;
        let original = OriginalFate::ALL[n % 2].name();
        lab.event(&format!(r#"{{"event":"spoof","packets":8,"original":"{original}"}}"#)).await;
    }
    assert_stayed(&client).await;
    let report = lab.watch().await.next().await.expect("a report");
    let numbers: Vec<u64> = report.spoofs.iter().map(|spoof| spoof.number).collect();
    assert_eq!(numbers, (22..30).collect::<Vec<_>>(), "the last are remembered");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_let_clients_migrate_sends_the_attacker_nothing() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    lab.event(r#"{"event":"migration","allowed":false}"#).await;
    let mut reports = lab.watch().await;
    let client = connect(&lab, 0, Mode::OneStream).await;
    lab.event(r#"{"event":"spoof","packets":4}"#).await;
    let report = reports
        .until("the copies were sent and the client goes on", |report| {
            path(report, 0, 0).is_some_and(|(_, path)| path.copied.packets == 4 && path.data_packets >= 20)
        })
        .await;
    let (_, path) = path(&report, 0, 0).expect("seen");
    assert_eq!((path.reflected.packets, path.turned_at, path.frames.len()), (0, None, 0), "{path:?}");
    assert_stayed(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_among_changes_of_networks_is_survived_and_told_apart() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":10}}"#).await;
    let mut reports = lab.watch().await;
    let client = connect(&lab, 0, Mode::StreamPerTopic).await;
    for number in 0..6 {
        lab.event(r#"{"event":"spoof"}"#).await;
        if number % 2 == 0 {
            lab.event(r#"{"event":"switch-network","address":"host"}"#).await;
            client.until_settled(30).await;
        } else {
            let (spoof, path) = gone_on(&mut reports, number, 0, 1).await;
            assert_harmless(&spoof, &path);
            let report = reports.next().await.expect("a report");
            let switch = report.switches.last().and_then(|switch| switch.paths.first()?.quic.clone());
            let of_change = switch.expect("it was there").frames;
            let is_of_attack = |frame: &PathFrame| path.frames.iter().any(|own| own.data == frame.data);
            assert!(!of_change.iter().any(is_of_attack), "the attack is none of the change's: {path:?}");
        }
    }
    assert_stayed(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_that_cannot_be_is_refused_or_finds_nobody() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let events = format!("/api/labs/{}/events", lab.view.id);
    for (body, said) in [
        (r#"{"event":"spoof","packets":0}"#, "packets is 0; give 1 to 16"),
        (r#"{"event":"spoof","packets":17}"#, "packets is 17; give 1 to 16"),
        (r#"{"event":"spoof","packets":300}"#, "300"),
        (r#"{"event":"spoof","original":"eaten"}"#, "eaten"),
        (r#"{"event":"spoof","bytes":3}"#, "bytes"),
    ] {
        let answer = call(server.target.http, Method::POST, &events, body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text());
        assert!(answer.text().contains(said), "{body}: {}", answer.text());
    }
    let client = connect(&lab, 0, Mode::WebSocket).await;
    lab.event(r#"{"event":"spoof"}"#).await;
    let report = lab.watch().await.next().await.expect("a report");
    assert_eq!(report.spoofs.len(), 1);
    assert!(report.spoofs[0].paths.is_empty(), "there is no QUIC connection");
    assert_stayed(&client).await;
    server.stop().await;
}
