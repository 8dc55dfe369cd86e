//! Backends that are processes of their own: connections end there, sessions do not.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use hyper::Method;
use sluice_server::{BackendProgram, Backends, Config, ListenAddress};
use sluice_shared::certificate::Verdict;
use sluice_shared::flood::{Flood, FloodStyle};
use sluice_shared::lab::{BackendReport, Congestion, LabReport};
use sluice_shared::mode::Mode;
use sluice_shared::wire::{CloseCode, Continuity, Waiting};
use sluice_tests::client::{Client, Lane, Pace};
use sluice_tests::deadline::{eventually, must};
use sluice_tests::lab::{Lab, Reports, flow_of};
use sluice_tests::metrics::Metrics;
use sluice_tests::process::{ServerProcess, server_binary};
use sluice_tests::server::Server;
use sluice_tests::target::Target;
use tokio::time::timeout;

use crate::echo::assert_echoes;
use crate::feed;

const PATIENCE: Duration = Duration::from_secs(40);
const BY_ID: &str = r#"{"event":"balance","routing":"connection-id","backends":2}"#;
const ALL_BY_ID: &str = r#"{"event":"balance","routing":"connection-id","backends":4}"#;
const MODES: [Mode; 4] = [Mode::OneStream, Mode::StreamPerTopic, Mode::StreamPerMessage, Mode::Datagrams];

/// A server whose backends are processes.
async fn server() -> Server {
    let program = BackendProgram { executable: server_binary(), arguments: vec!["backend".into()] };
    Server::with(|config| config.backends = Backends::Process(program)).await
}

async fn connect(lab: &Lab, number: u16, lane: Lane) -> Client {
    let target = lab.target(number, Congestion::Cubic);
    let client = Client::connect(&target, lane).await.expect("the server accepts");
    client.until_settled(20).await;
    client
}

/// The processes of the backends in a report; empty unless all are up.
fn processes(report: &LabReport) -> Vec<u32> {
    let backends = report.balancer.as_ref().map_or(&[][..], |balancer| &balancer.backends);
    if backends.iter().all(|backend| backend.is_up) {
        backends.iter().filter_map(|backend| backend.process).collect()
    } else {
        Vec::new()
    }
}

async fn all_up(reports: &mut Reports, count: usize) -> Vec<u32> {
    let report = reports.until("all backends are up", |report| processes(report).len() == count).await;
    processes(&report)
}

fn backend(report: &LabReport, index: u8) -> Option<&BackendReport> {
    report.balancer.as_ref()?.backends.get(usize::from(index))
}

/// The backend that has the packets of a lane.
fn home(report: &LabReport, lane: u16) -> Option<u8> {
    let clients = &report.balancer.as_ref()?.clients;
    clients.iter().find(|client| client.lane == Some(lane)).map(|client| client.backend)
}

/// Sends a signal, or looks whether one could be sent; whether there is such a process.
fn signal(process: u32, signal: &str) -> bool {
    must("running kill", Command::new("kill").args([signal, &process.to_string()]).output()).status.success()
}

async fn assert_certified(client: &Client) {
    let certificate = client.certify(PATIENCE).await;
    assert_eq!(certificate.verdict, Verdict::Continuous, "{}", certificate.to_json());
    client.tally().assert_certified(&certificate);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_comes_through_processes_whole_and_the_network_knows_it() {
    let server = server().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":5}}"#).await;
    lab.event(ALL_BY_ID).await;
    let mut reports = lab.watch().await;
    let distinct: BTreeSet<u32> = all_up(&mut reports, 4).await.into_iter().collect();
    assert_eq!(distinct.len(), 4, "each is a process of its own");
    let mut clients = Vec::new();
    for (number, mode) in (0..).zip(MODES) {
        clients.push(connect(&lab, number, Lane::new(mode, feed(1_000, 190))).await);
    }
    for client in &clients {
        client.until_settled(3_000).await;
        client
            .until("the path is known", |tally| {
                let path = tally.samples.last().map(|sample| sample.path);
                path.is_some_and(|path| path.rtt_micros >= Some(10_000) && path.sent_packets > Some(0))
            })
            .await;
    }
    for client in &clients {
        assert_certified(client).await;
        let tally = client.tally();
        tally.assert_complete();
        assert_eq!(tally.welcomes.len(), 1, "{}", tally.summary());
        assert_eq!(tally.welcomes[0].facts.congestion_control.as_deref(), Some("cubic"));
    }
    // Packets are opened with the secrets that the processes told, and belong to what the sessions wrote.
    reports
        .until("every lane's packets are opened", |report| {
            (0..4).all(|lane| {
                let quic = flow_of(report, lane).and_then(|flow| flow.quic);
                quic.is_some_and(|quic| quic.data_frames > 0)
            })
        })
        .await;
    reports
        .until("it is known how late a lane's writes are", |report| {
            flow_of(report, 0)
                .is_some_and(|flow| flow.lateness.as_ref().is_some_and(|late| late.writes > 100))
        })
        .await;
    let metrics = Metrics::of(server.target.http).await;
    assert_eq!(metrics.sum("sluice_quic_connections", &[]), 4.0);
    drop(clients);
    eventually("nobody is connected", || async {
        let metrics = Metrics::of(server.target.http).await;
        (metrics.sum("sluice_quic_connections", &[]) == 0.0).then_some(())
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_slow_path_does_not_take_waits_within_bounds_and_where_it_is_seen() {
    let server = server().await;
    let lab = Lab::open(&server.target, r#"{"change":{"rate_kbit":800,"delay_ms":10,"queue_ms":50}}"#).await;
    for (number, mode) in (0..).zip(MODES) {
        // Much more than the path carries, and all the credit in the world.
        let lane = Lane::new(mode, feed(4_000, 191)).window(10_000_000, 10 << 30);
        let client = connect(&lab, number, lane).await;
        client
            .until("the transport takes no more, again and again", |tally| {
                let waits =
                    tally.samples.iter().filter(|sample| matches!(sample.waiting, Waiting::Transport { .. }));
                waits.count() >= 10
            })
            .await;
        let tally = client.tally();
        tally.assert_sound();
        for sample in &tally.samples {
            let (held, bound) = (sample.transport.held.bytes, sample.transport.bound.bytes);
            assert!(held <= bound && bound <= 128 * 1024, "{mode}: {held} of {bound} bytes wait");
        }
        let most = tally.samples.iter().map(|sample| sample.transport.held.bytes).max();
        assert!(most > Some(0), "{mode}: what waits is seen: {most:?}");
        assert!(
            tally.samples.iter().any(|sample| sample.backlog.held.messages > 500),
            "{mode}: the rest waits in the log"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_session_does_not_hold_up_others_of_its_process() {
    let server = server().await;
    let lab = Lab::open(&server.target, "{}").await;
    // Without a balancer all are at the first backend.
    let stuck = Lane::new(Mode::StreamPerTopic, feed(2_000, 192)).window(10_000_000, 10 << 30);
    let stuck = connect(&lab, 0, stuck).await;
    stuck.set_pace(Pace::Never).await;
    let fast = connect(&lab, 1, Lane::new(Mode::StreamPerTopic, feed(2_000, 192))).await;
    fast.until_settled(6_000).await;
    assert_certified(&fast).await;
    fast.tally().assert_complete();
    let consumed = stuck.tally().consumed.messages;
    assert!(consumed < 3_000, "it was stuck, but has consumed {consumed} messages");
    stuck.set_pace(Pace::AtOnce).await;
    stuck.until_settled(2_000).await;
    stuck.tally().assert_sound();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_comes_back_whole_through_a_process() {
    const FLOOD: u64 = 1_000_000;
    const NARROW_BACK: &str = r#"{"profile":{"up":{"delay_ms":5,"rate_kbit":40000,"queue_ms":50},"down":{"delay_ms":5,"rate_kbit":4000,"queue_ms":50}}}"#;
    let server = server().await;
    let lab = Lab::open(&server.target, NARROW_BACK).await;
    let client = connect(&lab, 0, Lane::new(Mode::OneStream, feed(200, 193))).await;
    client.flood(FloodStyle::Naive, FLOOD).await;
    client
        .until_within(PATIENCE, "every byte is back", |tally| {
            tally.flood.as_ref().is_some_and(Flood::is_over)
        })
        .await;
    client.until_settled(20).await;
    {
        let tally = client.tally();
        tally.assert_complete();
        assert!(tally.flood.as_ref().is_some_and(Flood::is_faithful), "bytes came back changed");
        assert_eq!(tally.welcomes.len(), 1);
        let stops = tally.samples.last().map(|sample| sample.inbound.stops);
        assert!(stops > Some(0), "the server does not read while it cannot write");
        for sample in &tally.samples {
            let (held, bound) = (sample.inbound.echo.held.bytes, sample.inbound.echo.bound.bytes);
            assert!(held <= bound && bound <= 80 * 1024, "{held} of {bound} bytes wait");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_comes_back_from_a_process_and_does_not_hold_up_the_end() {
    let server = server().await;
    let lab = Lab::open(&server.target, "{}").await;
    let _open = assert_echoes(&lab.target(0, Congestion::Cubic)).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_of_a_killed_process_resumes_on_the_other_and_the_process_comes_back() {
    let server = server().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":5}}"#).await;
    lab.event(BY_ID).await;
    let mut reports = lab.watch().await;
    let before = all_up(&mut reports, 2).await;
    // First packets go by the hash of an ID that the client draws: one in a million times all go to one backend.
    let mut clients: Vec<(u16, u8, Client)> = Vec::new();
    for number in 0..21 {
        let lane = Lane::new(Mode::StreamPerTopic, feed(500, 194)).coming_back();
        let client = connect(&lab, number, lane).await;
        let report =
            reports.until("it is known where the lane is", |report| home(report, number).is_some()).await;
        clients.push((number, home(&report, number).expect("seen"), client));
        let homes: BTreeSet<u8> = clients.iter().map(|(_, home, _)| *home).collect();
        if homes.len() == 2 && clients.len() >= 3 {
            break;
        }
    }
    let killed = clients[0].1;
    assert!(signal(before[usize::from(killed)], "-KILL"), "there is such a process");
    reports
        .until("the backend is down", |report| {
            backend(report, killed).is_some_and(|backend| !backend.is_up && backend.process.is_none())
        })
        .await;
    for (number, home, client) in &clients {
        if *home == killed {
            client.until_within(PATIENCE, "it comes back", |tally| tally.welcomes.len() > 1).await;
        }
        client.until_settled(200).await;
        assert_certified(client).await;
        let tally = client.tally();
        tally.assert_complete();
        let connections = if *home == killed { 2 } else { 1 };
        assert_eq!(tally.welcomes.len(), connections, "lane {number} at {home}: {}", tally.summary());
        assert!(tally.welcomes.iter().all(|welcome| welcome.session == tally.welcomes[0].session));
        assert!(tally.welcomes.iter().skip(1).all(|welcome| welcome.continuity == Continuity::Continued));
    }
    let after = all_up(&mut reports, 2).await;
    let (gone, stayed) = (usize::from(killed), usize::from(1 - killed));
    assert_ne!(after[gone], before[gone], "it is another process");
    assert_eq!(after[stayed], before[stayed], "the other one is the same");
    // It serves again, at the same place.
    for number in 100..120 {
        let client = connect(&lab, number, Lane::new(Mode::OneStream, feed(500, 194))).await;
        assert_certified(&client).await;
        let report =
            reports.until("it is known where the lane is", |report| home(report, number).is_some()).await;
        if home(&report, number) == Some(killed) {
            return server.stop().await;
        }
    }
    panic!("20 handshakes of 20 missed the backend that is back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_knew_before_a_change_of_host_is_not_told_as_what_it_knew_after_and_its_frames_are_counted()
 {
    let server = server().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":20}}"#).await;
    let mut reports = lab.watch().await;
    let client = connect(&lab, 0, Lane::new(Mode::OneStream, feed(400, 319))).await;
    for number in 0..3 {
        lab.event(r#"{"event":"switch-network","address":"host"}"#).await;
        let quic_of = |report: &LabReport| {
            let switch = report.switches.iter().find(|switch| switch.number == number)?;
            switch.paths.first()?.quic.clone()
        };
        let report = reports
            .until("the path is known before and after", |report| {
                quic_of(report).is_some_and(|quic| {
                    let counted = quic.counted.unwrap_or_default();
                    let is_validated = counted.challenges_sent > 0 && counted.responses_received > 0;
                    quic.gap_micros.is_some() && is_validated
                })
            })
            .await;
        let quic = quic_of(&report).expect("seen");
        let (before, after) = (quic.before.expect("known"), quic.after.expect("told with the first packets"));
        assert_ne!(before.rtt_micros, after.rtt_micros, "another host begins anew: {before:?}, {after:?}");
        client.until_settled(100).await;
    }
    assert_certified(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_hangs_is_replaced_and_its_session_goes_on() {
    let server = server().await;
    let lab = Lab::open(&server.target, "{}").await;
    lab.event(BY_ID).await;
    let mut reports = lab.watch().await;
    let before = all_up(&mut reports, 2).await;
    let client = connect(&lab, 0, Lane::new(Mode::OneStream, feed(400, 196)).coming_back()).await;
    client.until_settled(100).await;
    let report = reports.until("it is known where the lane is", |report| home(report, 0).is_some()).await;
    let hung = usize::from(home(&report, 0).expect("seen"));
    assert!(signal(before[hung], "-STOP"), "there is such a process");
    let is_replaced = async {
        while let Some(report) = reports.next().await {
            if processes(&report).get(hung).is_some_and(|process| *process != before[hung]) {
                return;
            }
        }
        panic!("the lab is gone");
    };
    timeout(PATIENCE, is_replaced).await.expect("a process takes its place");
    assert!(!signal(before[hung], "-0"), "the hung process is gone");
    client.until_within(PATIENCE, "it came back", |tally| tally.welcomes.len() > 1).await;
    client.until_settled(100).await;
    assert_certified(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_balancer_a_killed_process_is_waited_for() {
    let server = server().await;
    let lab = Lab::open(&server.target, "{}").await;
    let lane = Lane::new(Mode::Datagrams, feed(200, 195)).coming_back();
    let client = connect(&lab, 0, lane).await;
    lab.event(r#"{"event":"kill-backend","index":0}"#).await;
    client.until_within(PATIENCE, "it comes back", |tally| tally.welcomes.len() > 1).await;
    client.until_settled(50).await;
    client.tally().assert_sound();
    let certificate = client.certify(PATIENCE).await;
    client.tally().assert_certified(&certificate);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_can_be_killed_by_an_event_where_there_is_one() {
    let server = server().await;
    let lab = Lab::open(&server.target, "{}").await;
    lab.event(BY_ID).await;
    let mut reports = lab.watch().await;
    let before = all_up(&mut reports, 2).await;
    lab.event(r#"{"event":"kill-backend","index":1}"#).await;
    let report = reports
        .until("it is another process", |report| {
            processes(report).get(1).is_some_and(|process| *process != before[1])
        })
        .await;
    assert_eq!(processes(&report)[0], before[0]);
    assert!(!signal(before[1], "-0"), "nothing is left of the first");
    // What was switched off stays so, whatever becomes of the process.
    let second = processes(&report)[1];
    lab.event(r#"{"event":"backend","index":1,"up":false}"#).await;
    lab.event(r#"{"event":"kill-backend","index":1}"#).await;
    let report = reports
        .until("it is a third one", |report| {
            let process = backend(report, 1).and_then(|backend| backend.process);
            process.is_some_and(|process| process != second)
        })
        .await;
    assert!(backend(&report, 1).is_some_and(|backend| !backend.is_up));
    let answer = lab.call(Method::POST, "/events", r#"{"event":"kill-backend","index":4}"#).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    server.stop().await;

    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    lab.event(BY_ID).await;
    let answer = lab.call(Method::POST, "/events", r#"{"event":"kill-backend","index":1}"#).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(answer.text().contains("--backends process"), "{}", answer.text());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_end_with_their_server_in_whatever_way_it_ends() {
    for in_good_order in [true, false] {
        let mut server = ServerProcess::start(&["--backends", "process"]).await;
        let target = Target::of(server.http).await.expect("the server tells where it is");
        let lab = Lab::open(&target, "{}").await;
        lab.event(ALL_BY_ID).await;
        let processes = all_up(&mut lab.watch().await, 4).await;
        assert!(processes.iter().all(|process| signal(*process, "-0")));
        let client = connect(&lab, 0, Lane::new(Mode::OneStream, feed(200, 196))).await;
        if in_good_order {
            // As a terminal or a service manager does it: to all of them.
            for process in &processes {
                assert!(signal(*process, "-INT") && signal(*process, "-TERM"));
            }
            client.until_settled(50).await;
            server.interrupt();
            let status = server.until_ended(Duration::from_secs(4)).await;
            assert_eq!(status.code(), Some(0), "{:#?}", server.log().lines());
            let closed = client.until_closed().await;
            assert_eq!(closed.code, Some(CloseCode::GoingAway.webtransport()), "{closed:?}");
            assert_eq!(server.log().errors(), Vec::<String>::new());
        } else {
            server.kill().await;
        }
        eventually("no process is left", || async {
            (!processes.iter().any(|process| signal(*process, "-0"))).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_why_it_has_no_backends_and_a_backend_what_it_is_for() {
    for (program, words) in
        [("/nowhere/sluice", "/nowhere/sluice cannot be run"), ("true", "its process does not answer")]
    {
        let program = BackendProgram { executable: program.into(), arguments: Vec::new() };
        let config = Config {
            http: ListenAddress::loopback(0),
            quic: ListenAddress::loopback(0),
            backends: Backends::Process(program),
            ..Config::default()
        };
        let error = sluice_server::Server::bind(config).await.err().expect("it has no backends").to_string();
        assert!(error.contains(words), "{error}");
    }
    let mut alone = Command::new(server_binary());
    let alone = must("running it", alone.arg("backend").stdin(Stdio::null()).output());
    let said = String::from_utf8_lossy(&alone.stderr);
    assert!(!alone.status.success() && said.contains("sluice serve --backends process"), "{said}");
}
