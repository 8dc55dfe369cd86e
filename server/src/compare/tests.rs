//! What holds for every comparison.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_shared::mode::Mode;
use sluice_shared::scenario::Scenario;

use super::*;

fn plan(name: &str, overrides: &Overrides) -> Plan {
    Plan::new(built_in(name).expect("a built-in scenario"), overrides).expect("valid")
}

fn lanes(modes: &[Mode]) -> Vec<String> {
    modes.iter().map(|mode| mode.name().to_owned()).collect()
}

fn run(name: &str, overrides: &Overrides) -> Report {
    run_virtual(&plan(name, overrides)).expect("it runs")
}

fn lane(report: &Report, mode: Mode) -> &LaneReport {
    report.lanes.iter().find(|lane| lane.mode == mode.name()).expect("the lane was asked for")
}

mod migration;

const NOTHING_MORE: Overrides = Overrides { seed: None, seconds: None, lanes: Vec::new() };

#[test]
fn every_built_in_scenario_can_be_read_under_its_own_name() {
    for (name, _) in BUILT_IN {
        assert_eq!(built_in(name).expect("valid").name, name);
    }
}

#[test]
fn every_built_in_scenario_accounts_for_every_message() {
    for (name, _) in BUILT_IN {
        let report = run(name, &Overrides { seconds: Some(2), ..NOTHING_MORE });
        for lane in &report.lanes {
            let Messages { published, consumed, gaps, unfinished, lost } = &lane.messages;
            assert_eq!(*published, consumed + gaps.values().sum::<u64>() + unfinished, "{name}: {lane:?}");
            assert_eq!(*lost, 0, "{name}: {lane:?}");
            assert_eq!(lane.age.is_some(), *consumed > 0, "{name}: {lane:?}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_report_byte_by_byte() {
    let seconds = Some(5);
    let modes = lanes(&Mode::ALL);
    for name in ["lossy", "head-of-line", "lte"] {
        let overrides = Overrides { seconds, lanes: modes.clone(), seed: Some(5) };
        let (first, second) = (run(name, &overrides), run(name, &overrides));
        assert_eq!(first.to_json().expect("JSON"), second.to_json().expect("JSON"), "{name}");
        assert_eq!(table(&first), table(&second), "{name}");
        let backwards = Overrides { lanes: modes.iter().rev().cloned().collect(), ..overrides.clone() };
        let mut backwards = run(name, &backwards);
        backwards.lanes.reverse();
        assert_eq!(first, backwards, "{name}: no lane depends on the order of lanes");
        let other = run(name, &Overrides { seed: Some(6), ..overrides });
        assert_ne!(first.lanes, other.lanes, "{name}");
    }
}

/// At 2 % loss and a round trip of 100 ms, 8 topics, BBR at both ends: what a lost packet holds up. The ages are those
/// above the 50 ms that every message takes.
#[test]
fn a_stream_for_each_topic_ends_head_of_line_blocking() {
    let modes = [Mode::WebSocket, Mode::OneStream, Mode::StreamPerTopic];
    let report = run("head-of-line", &Overrides { lanes: lanes(&modes), ..NOTHING_MORE });
    let added = |mode| lane(&report, mode).added_age.expect("consumed").p95_ms;
    let [websocket, one_stream, topics] = modes.map(added);
    eprintln!("added p95, ms: websocket {websocket}, one-stream {one_stream}, stream-per-topic {topics}");
    assert!(websocket > 50.0, "{websocket} ms: the WebSocket is held up by lost packets");
    assert!(topics * 4.0 <= websocket, "{topics} ms is not 4 times below {websocket} ms");
    // It is the order that blocks, and not TCP.
    assert!(one_stream > 50.0, "{one_stream} ms: one ordered QUIC stream is held up as well");
    for mode in modes {
        let loss = lane(&report, mode).down.loss_percent.expect("packets were sent");
        assert!((1.5..2.5).contains(&loss), "{mode}: {loss} % lost");
        assert!(lane(&report, mode).congestion.ends_with("bbr"));
    }
}

#[test]
fn without_loss_a_stream_for_each_topic_costs_no_time() {
    let modes = [Mode::WebSocket, Mode::StreamPerTopic];
    let report = run("clean", &Overrides { lanes: lanes(&modes), ..NOTHING_MORE });
    let [websocket, topics] = modes.map(|mode| lane(&report, mode).age.expect("consumed").p95_ms);
    eprintln!("p95, ms: websocket {websocket}, stream-per-topic {topics}");
    assert!((websocket - topics).abs() <= 2.0, "{websocket} ms and {topics} ms");
    let same = |scenario: Scenario| (scenario.feed, scenario.congestion);
    assert_eq!(
        same(built_in("clean").expect("valid")),
        same(built_in("head-of-line").expect("valid")),
        "both are measured with one feed"
    );
}

#[test]
fn websocket_wins_where_a_thin_link_is_nearly_full() {
    let modes = lanes(&[Mode::WebSocket, Mode::OneStream, Mode::StreamPerTopic, Mode::Datagrams]);
    for seed in 1..=3 {
        let overrides = Overrides { seed: Some(seed), seconds: Some(20), lanes: modes.clone() };
        let report = run("bufferbloat", &overrides);
        let p95 = |lane: &LaneReport| lane.age.expect("consumed").p95_ms;
        let websocket = p95(lane(&report, Mode::WebSocket));
        for other in report.lanes.iter().filter(|lane| lane.transport == "webtransport") {
            eprintln!("seed {seed}: p95, ms: websocket {websocket}, {} {}", other.mode, p95(other));
            assert!(websocket * 1.25 < p95(other), "seed {seed}: {websocket} ms against {other:?}");
        }
    }
}

#[test]
fn websocket_is_all_there_is_where_udp_is_blocked() {
    let report = run("udp-blocked", &Overrides { seconds: Some(12), ..NOTHING_MORE });
    for lane in &report.lanes {
        let is_websocket = lane.transport == "websocket";
        assert_eq!(lane.messages.consumed > 4_000, is_websocket, "{lane:?}");
        assert_eq!(lane.connected_after_ms.is_some(), is_websocket, "{lane:?}");
    }
    let tried = &lane(&report, Mode::OneStream).up;
    assert!(tried.packets > 3 && tried.outage_drops == tried.packets, "it tries, and tries again: {tried:?}");
}

/// The network gives the client another address after each tunnel: TCP connections die, QUIC's go on, and the session
/// survives both.
#[test]
fn no_message_is_lost_with_a_connection() {
    let text = "name = 'a-train'\nsummary = 'tunnels'\nseconds = 25\nfeed.messages_per_second = 50\n\
                network.preset = 'train'\n[[lanes]]\nmode = 'websocket'\n[[lanes]]\nmode = 'stream-per-topic'";
    let scenario = toml::from_str(text).expect("valid");
    let report = run_virtual(&Plan::new(scenario, &NOTHING_MORE).expect("valid")).expect("it runs");
    for lane in &report.lanes {
        assert_eq!(lane.messages.consumed, lane.messages.published, "{lane:?}");
        assert!(lane.messages.published > 1_200, "{lane:?}");
        assert!(lane.up.outage_drops > 0 && lane.down.outage_drops > 0, "{lane:?}");
    }
    assert_eq!(lane(&report, Mode::WebSocket).connections, 2);
    assert_eq!(
        lane(&report, Mode::StreamPerTopic).connections,
        1,
        "QUIC follows its client to another address"
    );
}

#[test]
fn a_slow_consumer_falls_behind_or_gets_gaps_as_its_policy_says() {
    let report = run("slow-consumer", &Overrides { seconds: Some(5), ..NOTHING_MORE });
    let [lossless, latest, drop_oldest, datagrams] = report.lanes.as_slice() else { panic!("{report:?}") };
    let p95 = |lane: &LaneReport| lane.age.expect("consumed").p95_ms;
    assert!(lossless.messages.gaps.is_empty() && p95(lossless) > 2.0 * p95(latest), "{report:?}");
    assert!(latest.messages.gaps.contains_key("conflated"));
    assert!(drop_oldest.messages.gaps.contains_key("dropped-oldest"));
    assert!(datagrams.messages.gaps.contains_key("conflated"));
}

#[test]
fn what_cannot_be_compared_is_refused_in_one_line() {
    let folder = std::env::temp_dir().join(format!("sluice-compare-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("wrong.toml");
    let name = path.to_str().expect("UTF-8").to_owned();
    let good = "name = 'a'\nsummary = 'b'\nnetwork.preset = 'none'\n[[lanes]]\nmode = 'datagrams'\n";
    for (text, told) in [
        ("name = 'a'\nsummary = 'b'\nsecond = 3\n", "wrong.toml, line 3: unknown field `second`"),
        ("name = 'a'\nsummary =\n", "wrong.toml, line 2: "),
        (&good.replace("none", "nine"), "there is no network \"nine\"; did you mean \"none\"?"),
        (&good.replace("name = 'a'", "seconds = 0\nname = 'a'"), "seconds is 0; give 1 to 600 s"),
        (
            &good.replace("datagrams", "datagram"),
            "lanes[0].mode is \"datagram\", which is no mode; did you mean \"datagrams\"?",
        ),
        ("", "missing field `name`"),
        ("\u{0}", "wrong.toml"),
    ] {
        std::fs::write(&path, text).expect("written");
        let error = find(&name).expect_err(told).to_string();
        assert!(error.contains(told) && !error.contains('\n'), "{error:?} does not say {told:?}");
    }
    std::fs::write(&path, vec![b'#'; 2 << 20]).expect("written");
    let error = find(&name).expect_err("too large").to_string();
    assert!(error.contains("more than the 1048576 bytes"), "{error}");
    std::fs::remove_dir_all(&folder).expect("removed");
    let error = find(&name).expect_err("it is gone").to_string();
    assert!(error.contains("cannot be read") && !error.contains('\n'), "{error}");
    for (name, told) in [
        ("head-of-lines", "there is no scenario \"head-of-lines\"; did you mean \"head-of-line\"?"),
        ("LTE", "did you mean \"lte\"?"),
        ("weather", "there is no scenario \"weather\" (`sluice scenarios` lists all"),
    ] {
        let error = find(name).expect_err(told).to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn what_the_command_line_changes_is_checked_too() {
    let refused = |overrides| {
        Plan::new(built_in("clean").expect("valid"), &overrides).expect_err("out of range").to_string()
    };
    for seconds in [0, 601, u32::MAX] {
        let error = refused(Overrides { seconds: Some(seconds), ..NOTHING_MORE });
        assert_eq!(error, format!("--seconds is {seconds}; give 1 to 600 s"));
    }
    let error = refused(Overrides { lanes: vec!["websockets".to_owned()], ..NOTHING_MORE });
    assert_eq!(error, "--lanes is \"websockets\", which is no mode; did you mean \"websocket\"?");
    let error = refused(Overrides { lanes: vec!["datagrams".to_owned(); 9], ..NOTHING_MORE });
    assert_eq!(error, "--lanes is 9; give 1 to 8 of them");
    let plan = plan(
        "slow-consumer",
        &Overrides { lanes: lanes(&[Mode::WebSocket, Mode::OneStream]), ..NOTHING_MORE },
    );
    let delays: Vec<u128> = plan.lanes().iter().map(|lane| lane.consumer_delay.as_millis()).collect();
    assert_eq!(delays, [5, 5, 0], "lanes of the scenario keep their settings, others are plain");
}

/// The fields of a JSON value, as paths; the keys of `gaps` are data and not fields.
fn fields(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                into.insert(path.clone());
                if key != "gaps" {
                    fields(value, &path, into);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(item, &format!("{path}[]"), into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The fields in the first column of the tables of `docs/compare.md` that say `JSON field`.
fn documented() -> BTreeSet<String> {
    let text = include_str!("../../../docs/compare.md");
    let tables = text.split("| JSON field |").skip(1);
    tables
        .flat_map(|table| table.lines().skip(2).take_while(|line| line.starts_with('|')))
        .filter_map(|line| Some(line.split('`').nth(1)?.to_owned()))
        .collect()
}

#[test]
fn the_fields_that_are_documented_are_those_that_are_printed() {
    let report = run("head-of-line", &Overrides { seconds: Some(2), ..NOTHING_MORE });
    let json: Value = serde_json::from_str(&report.to_json().expect("JSON")).expect("it can be read");
    let mut printed = BTreeSet::new();
    fields(&json, "", &mut printed);
    let of_clients_that_move = run("balancer-by-address", &Overrides { seconds: Some(12), ..NOTHING_MORE });
    fields(&serde_json::to_value(&of_clients_that_move).expect("JSON"), "", &mut printed);
    let of_clients_that_are_copied = run("spoof", &Overrides { seconds: Some(12), ..NOTHING_MORE });
    fields(&serde_json::to_value(&of_clients_that_are_copied).expect("JSON"), "", &mut printed);
    // Virtual time measures no CPU.
    assert!(printed.insert("lanes[].cpu_us_per_message".to_owned()));
    assert_eq!(documented(), printed);
}

#[test]
fn a_table_is_aligned_and_has_a_column_for_each_lane() {
    let report = run("slow-consumer", &Overrides { seconds: Some(2), ..NOTHING_MORE });
    let text = table(&report);
    let body = text.split_once("\n\n").expect("a head, and a body").1;
    let widths: BTreeSet<usize> =
        body.lines().filter(|line| !line.is_empty()).map(|line| line.chars().count()).collect();
    assert_eq!(widths.len(), 1, "{text}");
    assert!(widths.iter().all(|width| *width <= 140), "{text}");
    assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
}
