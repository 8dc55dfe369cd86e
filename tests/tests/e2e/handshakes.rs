//! The handshake lab: `sluice handshake` as a script meets it, and `/api/handshakes` as a page does.

use std::process::Output;
use std::time::Duration;

use hyper::Method;
use serde_json::Value;
use sluice_shared::api::Problem;
use sluice_shared::handshake::{HandshakeReport, Ladder, Probe};
use sluice_tests::http::{Answer, get, post};
use sluice_tests::lab::call;
use sluice_tests::process::server_binary;
use sluice_tests::server::Server;
use tokio::process::Command;
use tokio::time::timeout;

/// How long one call may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const PATH: &str = "/api/handshakes";

async fn sluice(arguments: &[&str]) -> Output {
    let mut command = Command::new(server_binary());
    command.arg("handshake").args(arguments).kill_on_drop(true);
    timeout(PATIENCE, command.output()).await.expect("it ends in time").expect("it starts")
}

async fn report(arguments: &[&str]) -> HandshakeReport {
    let output = sluice(&[arguments, &["--json"]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON alone")
}

async fn ask(server: &Server, body: &str) -> Answer {
    timeout(PATIENCE, call(server.target.http, Method::POST, PATH, body)).await.expect("in time")
}

fn problem(answer: &Answer) -> Problem {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text());
    let problem: Problem = answer.json().expect("a problem");
    assert_eq!(problem.status, answer.status);
    problem
}

#[tokio::test(flavor = "multi_thread")]
async fn every_probe_takes_the_round_trips_that_the_standards_lead_to() {
    let report = report(&["--virtual", "--runs", "3", "--seed", "5"]).await;
    assert_eq!(report.probes.len(), Probe::ALL.len());
    for probe in &report.probes {
        let expected = probe.probe.expected();
        assert_eq!((probe.completed, probe.is_as_expected), (3, Some(true)), "{probe:?}");
        assert!(probe.first_byte_round_trips.are_all(expected.first_byte, 3), "{probe:?}");
        // Nothing but the network takes time here: counts and times say the same, to 2 % of them.
        let counted = u64::from(expected.first_byte) * 100_000;
        let measured = probe.first_byte.expect("answered").median_micros;
        assert!((counted..=counted + counted / 50).contains(&measured), "{probe:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_for_each_probe_and_the_same_again_for_the_same_seed() {
    let arguments = ["--virtual", "--runs", "2", "--seed", "5", "--probe", "http2-cold,http3-cold"];
    let first = sluice(&arguments).await;
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let text = String::from_utf8(first.stdout).expect("text");
    let again = sluice(&arguments).await;
    let again = String::from_utf8_lossy(&again.stdout).into_owned();
    let columns = |text: &str, probe: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.starts_with(probe)).unwrap_or_else(|| panic!("{text}"));
        line.split_whitespace().map(str::to_owned).collect()
    };
    for (probe, cells) in [
        ("http2-cold", ["200.0", "2", "300.0", "3", "2,", "3"]),
        ("http3-cold", ["100.0", "1", "200.0", "2", "1,", "2"]),
    ] {
        // Behind them come bytes: of signatures, which are as long as chance has it.
        assert_eq!(columns(&text, probe)[1..7], cells, "{text}");
        assert_eq!(columns(&again, probe)[1..7], cells, "{again}");
    }
    assert!(text.contains("seed 5") && text.contains("virtual time"), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains("http")).count(), 2, "no other probes: {text}");
}

/// Real clock: whatever the machine does, nothing is earlier than the network lets it be.
#[tokio::test(flavor = "multi_thread")]
async fn real_time_is_never_earlier_than_the_network() {
    let arguments = ["--runs", "1", "--rtt", "0.05s", "--probe", "http2-cold,http3-cold"];
    let output = sluice(&[&arguments[..], &["--json"]].concat()).await;
    let report: HandshakeReport = serde_json::from_slice(&output.stdout).expect("JSON alone");
    for probe in &report.probes {
        let least = u64::from(probe.probe.expected().first_byte) * 50_000;
        assert!(probe.first_byte.expect("answered").min_micros >= least, "{probe:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_cannot_complete_says_where_it_stopped() {
    let report = report(&["--virtual", "--runs", "1", "--loss", "100", "--probe", "wss,web-transport"]).await;
    for probe in &report.probes {
        assert_eq!((probe.completed, probe.is_as_expected), (0, None), "{probe:?}");
        let [stop] = &probe.stops[..] else { panic!("{probe:?}") };
        assert!(stop.at.starts_with("no answer to the") && stop.runs == 1, "{stop:?}");
    }
    let text = sluice(&["--virtual", "--runs", "1", "--blackout", "120", "--probe", "http2-cold"]).await;
    assert_eq!(text.status.code(), Some(0), "{text:?}");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("http2-cold: 1 of 1 runs stopped after"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_written_and_a_failure_to_is_told_after_the_table() {
    let folder = std::env::temp_dir().join(format!("sluice-e2e-handshake-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    let (pcapng, svg, qlog) = (path("a.pcapng"), path("a.svg"), path("a.qlog"));
    let probes = ["--virtual", "--runs", "1", "--probe", "http2-cold,http3-cold"];
    let files = ["--pcapng", &pcapng, "--svg", &svg, "--qlog", &qlog];
    let output = sluice(&[&probes[..], &files].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let packets = std::fs::read(&pcapng).expect("written");
    assert_eq!(packets[..4], [0x0a, 0x0d, 0x0d, 0x0a], "a section header");
    let drawn = std::fs::read_to_string(&svg).expect("written");
    assert!(drawn.starts_with("<svg ") && drawn.contains("<style>") && drawn.contains("data-side=\"right\""));
    let log = std::fs::read_to_string(&qlog).expect("written");
    assert!(log.contains("qlog_version"), "{:.200}", log);

    let nowhere = path("missing/a.pcapng");
    let output = sluice(&[&probes[..], &["--pcapng", &nowhere]].concat()).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("http3-cold "), "the table is there");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.starts_with("sluice: ") && error.contains("a.pcapng cannot be written"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_values_end_with_two_and_name_the_range() {
    for (arguments, told) in [
        (&["--rtt", "2001"][..], "give 1 to 2000 ms"),
        (&["--rtt", "soon"], "give 1 to 2000 ms, such as 100ms or 0.1s"),
        (&["--loss", "-1"], "give 0 to 100 %"),
        (&["--loss", "100.1"], "give 0 to 100 %"),
        (&["--rate", "15"], "give 16 to 10000000 kbit/s"),
        (&["--runs", "0"], "give 1 to 1000 runs"),
        (&["--runs", "1001"], "give 1 to 1000 runs"),
        (&["--early-data", "1048577"], "give 0 to 1048576 bytes"),
        (&["--zero-rtt", "1023"], "give 1024 to 16777216 bytes"),
        (&["--blackout", "61s"], "give 0 to 60000 ms"),
        (&["--probe", "http2-cold,http9"], "give one or several of http2-cold, http3-cold,"),
        (
            &["--probe", "wss", "--capture-of", "http2-cold"],
            "http2-cold, which is not probed: give one of wss",
        ),
        (&["--probe", "wss", "--qlog", "x.qlog"], "--qlog needs a probe over QUIC"),
        (&["--seed", "-1"], "give a whole number from 0 to 18446744073709551615"),
    ] {
        let output = sluice(&[&["--virtual"], arguments].concat()).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(told), "{arguments:?}: {error}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_gets_figures_pictures_and_captures() {
    let server = Server::start().await;
    let body = r#"{"runs":2,"probes":["http2-cold","http3-cold"],"seed":9}"#;
    let made = ask(&server, body).await;
    assert_eq!((made.status, made.header("cache-control")), (201, "no-store"), "{}", made.text());
    let report: HandshakeReport = made.json().expect("a report");
    assert!(report.probes.iter().all(|probe| probe.is_as_expected == Some(true)), "{report:?}");
    assert_eq!((report.id.len(), report.request.seed), (16, Some(9)));

    let file = async |rest: &str| {
        get(server.target.http, &format!("{PATH}/{}{rest}", report.id), &[]).await.expect("an answer")
    };
    let again = file("").await;
    assert_eq!(again.json::<HandshakeReport>().expect("a report"), report);
    let svg = file("/ladder.svg?probe=http2-cold&beside=http3-cold").await;
    assert_eq!((svg.status, svg.header("content-type")), (200, "image/svg+xml"));
    let drawn = svg.text();
    assert!(!drawn.contains("style") && !drawn.contains("<script"), "the page's own style is used");
    let ladder: Ladder = file("/ladder.json?probe=http3-cold").await.json().expect("a ladder");
    assert_eq!(drawn.matches("data-side=\"right\"").count(), ladder.rungs.len(), "every packet is drawn");
    assert_eq!(svg.header("content-disposition"), "");
    let svg = file("/ladder.svg?probe=http2-cold&download=1").await;
    assert!(svg.text().contains("<style>"), "a file stands alone");
    assert_eq!(svg.header("content-disposition"), "attachment; filename=\"http2-cold.svg\"");
    for (rest, kind, begin) in [
        ("/capture.pcapng?probe=http2-cold&download=1", "application/vnd.tcpdump.pcap", &b"\n\r\r\n"[..]),
        ("/trace.qlog?probe=http3-cold&download=1", "application/qlog+json-seq", b"{\"qlog_version"),
    ] {
        let answer = file(rest).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, kind), "{rest}");
        let body = answer.body.strip_prefix(b"\x1e").unwrap_or(&answer.body);
        assert!(body.starts_with(begin), "{rest}: {:?}", &body[..20]);
        assert!(answer.header("content-disposition").starts_with("attachment; filename=\"http"), "{rest}");
        assert_eq!(answer.header("cache-control"), "no-store", "{rest}");
    }
    for (rest, status, told) in [
        ("/ladder.svg", 400, "probe is missing: ask for ?probe=NAME, one of http2-cold, http3-cold"),
        (
            "/ladder.svg?probe=wss",
            404,
            "probe is wss, of which there are no packets: there are of http2-cold, http3-",
        ),
        ("/ladder.svg?probe=http2-cold&beside=%3Cb%3E", 404, "beside is <b>, of which there are no packets"),
        (
            "/trace.qlog?probe=http2-cold",
            404,
            "http2-cold runs over TCP, which writes no qlog; there is one of http3",
        ),
        ("0/ladder.svg?probe=http2-cold", 404, "there is no outcome"),
        ("/nothing", 404, "there is no /api/handshakes/"),
    ] {
        let answer = file(rest).await;
        assert_eq!(answer.status, status, "{rest}: {}", answer.text());
        assert!(problem(&answer).detail.contains(told), "{rest}: {}", answer.text());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_may_not_ask_for_is_named_with_its_range() {
    let server = Server::start().await;
    for (body, status, told) in [
        (r#"{"rtt_ms":2001}"#, 422, "rtt_ms is 2001: it must be 1 to 2000 ms"),
        (r#"{"runs":0}"#, 422, "runs is 0: it must be 1 to 1000 runs"),
        (r#"{"runs":101}"#, 422, "runs is 101: it must be 1 to 100 runs"),
        (
            r#"{"runs":6,"probes":["wss"],"clock":"real"}"#,
            422,
            "runs is 6: it must be 1 to 5 runs of 1 probes",
        ),
        (r#"{"rtt_ms":2000,"clock":"real"}"#, 422, "probes is 18 of them: it must be fewer"),
        (r#"{"loss_percent":"much"}"#, 422, "loss_percent is 0 to 100 %"),
        (r#"{"runs":-1}"#, 422, "runs is 1 to 1000 runs"),
        (r#"{"zero_rtt_bytes":1.5}"#, 422, "zero_rtt_bytes is 1024 to 16777216 bytes"),
        (r#"{"probes":["http9"]}"#, 422, "http9"),
        (r#"{"rtt":100}"#, 422, "unknown field `rtt`"),
        (r#"{"rtt_ms":"#, 400, "EOF"),
    ] {
        let answer = ask(&server, body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(problem(&answer).detail.contains(told), "{body}: {}", answer.text());
    }
    let foreign = [("content-type", "application/json"), ("origin", "http://evil.example")];
    let answer = post(server.target.http, PATH, &foreign, "{}").await.expect("an answer");
    assert_eq!(answer.status, 403, "{}", answer.text());
    let large = format!("{{\"probes\":[{}\"wss\"]}}", "\"wss\",".repeat(20_000));
    let answer = ask(&server, &large).await;
    assert_eq!(problem(&answer).status, 413, "{}", answer.text());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pages_get_their_turns() {
    let server = Server::start().await;
    let body = r#"{"runs":1,"probes":["http3-cold"]}"#;
    let answers = futures_util::future::join_all((0..6).map(|_| ask(&server, body))).await;
    for answer in answers {
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.json::<Value>().expect("a report")["probes"][0]["completed"], 1);
    }
    server.stop().await;
}
