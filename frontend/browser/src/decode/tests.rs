//! Comparison with serde_json: its output is decoded, and an error names the missing field.

use core::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice_shared::api::{Info, Problem};
use sluice_shared::lab::{
    AddressChange, Answer, CloseRecord, Congestion, CongestionPorts, FlowReport, FrameEvent, FrameRecord,
    FrameTotals, HopReport, JoinedMessage, Knobs, Lab, LabPorts, LabReport, LateWrite, Lateness, LinkChange,
    LinkReport, NetworkReport, NewAddress, OutageTime, QuicBytes, SwitchReport, TcpFate, TcpPhase, TcpReport,
    TcpStack, TcpWait, TunnelReport, UpgradeRecord,
};
use sluice_shared::link::Direction;
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

use super::decode;

#[test]
fn the_servers_answers_are_decoded() {
    check(&info());
    check(&Info { quic_port: None, certificate_refresh_secs: None, ..info() });
    check(&Problem { title: "No lab".into(), status: 404, detail: "There is no lab \"x\".".into() });
    check(&lab());
    let ports = LabPorts { webtransport: None, ..lab().ports };
    check(&Lab { preset: None, tcp: TcpStack::Kernel, ports, ..lab() });
    check(&frame_event());
    check(&FrameEvent { upgrade: None, frames: vec![plain_frame()], lost: None, ..frame_event() });
}

#[test]
fn the_network_is_decoded_from_a_whole_report() {
    let report = LabReport {
        at: Time::from_micros(1 << 60),
        is_out: true,
        is_udp_blocked: true,
        relay_load: 0.25,
        flows: vec![flow(), FlowReport { lane: None, tcp: None, lateness: None, quic: None, ..flow() }],
        switches: vec![switch()],
        tunnels: vec![tunnel()],
        is_migration_off: true,
        ..LabReport::default()
    };
    let json = serde_json::to_value(&report).expect("writable");
    let network = NetworkReport {
        at: report.at,
        is_out: report.is_out,
        is_udp_blocked: report.is_udp_blocked,
        relay_load: report.relay_load,
        flows: report.flows,
        switches: vec![AddressChange { number: 6, at: Time::from_millis(20), address: NewAddress::Host }],
        tunnels: vec![OutageTime { from: Time::from_millis(30), until: Time::from_millis(40) }],
    };
    assert_eq!(decode(&json.to_string()), Ok(network.clone()));
    check_fields(&json, &network);
}

#[test]
fn an_error_has_the_path_of_its_field() {
    let mut json =
        json!({ "at": 1, "is_out": false, "is_udp_blocked": false, "relay_load": 0, "flows": [flow()] });
    let mut error_with = |pointer: &str, value: Value| {
        let before = json.pointer(pointer).expect("a field").clone();
        *json.pointer_mut(pointer).expect("a field") = value;
        let error = decode::<NetworkReport>(&json.to_string()).expect_err("wrong");
        *json.pointer_mut(pointer).expect("a field") = before;
        error
    };
    let cases = [
        ("/flows/0/down/queue/bytes", json!("many"), "flows.0.down.queue.bytes is not a number of its range"),
        ("/flows/0/lane", json!(65_536), "flows.0.lane is not a number of its range"),
        ("/flows/0/down/lost_packets", json!(-1), "flows.0.down.lost_packets is not a number of its range"),
        ("/flows/0/up", json!({}), "flows.0.up.queue is missing"),
        ("/flows/0/tcp/phase", json!("asleep"), "flows.0.tcp.phase has an unknown value"),
        ("/flows", json!({}), "flows is not a list"),
        ("/is_out", Value::Null, "is_out is not true or false"),
        ("/at", json!([1]), "at is not a number of its range"),
    ];
    for (pointer, value, expected) in cases {
        assert_eq!(error_with(pointer, value), expected);
    }
    assert_eq!(decode::<NetworkReport>("[]").expect_err("a list"), "it is not an object");
    assert_eq!(decode::<NetworkReport>("<html>").expect_err("a page"), "it is not JSON");
}

/// Checks that serde_json's output for `value` is decoded to an equal value.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let json = serde_json::to_value(value).expect("writable");
    assert_eq!(decode::<T>(&json.to_string()).as_ref(), Ok(value));
    assert_eq!(decode::<T>(&format!("{json:#}")).as_ref(), Ok(value));
    check_fields(&json, value);
}

/// Checks, for every object within `json`, that an unknown field changes nothing and that each missing field
/// is either an error that names it or replaced as serde_json does.
fn check_fields<T: DeserializeOwned + PartialEq + Debug>(json: &Value, value: &T) {
    let mut objects = Vec::new();
    collect_objects(json, "", &mut objects);
    for pointer in objects {
        let mut extended = json.clone();
        fields(&mut extended, &pointer).insert("unknown".into(), json!({ "of": ["a", "newer", "server"] }));
        assert_eq!(decode::<T>(&extended.to_string()).as_ref(), Ok(value), "{pointer} with an unknown field");

        let names: Vec<String> = fields(&mut extended, &pointer).keys().cloned().collect();
        for name in names.iter().filter(|name| *name != "unknown") {
            let mut reduced = json.clone();
            fields(&mut reduced, &pointer).remove(name);
            match decode::<T>(&reduced.to_string()) {
                Ok(decoded) => {
                    assert_eq!(
                        serde_json::from_value::<T>(reduced).expect("readable"),
                        decoded,
                        "{pointer}/{name}"
                    );
                }
                Err(error) => {
                    let path = [pointer.trim_start_matches('/'), name].join("/").replace('/', ".");
                    assert_eq!(error, format!("{} is missing", path.trim_start_matches('.')));
                }
            }
        }
    }
}

fn fields<'json>(json: &'json mut Value, pointer: &str) -> &'json mut serde_json::Map<String, Value> {
    json.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object")
}

fn collect_objects(json: &Value, pointer: &str, found: &mut Vec<String>) {
    if let Some(object) = json.as_object() {
        found.push(pointer.to_owned());
        for (name, value) in object {
            collect_objects(value, &format!("{pointer}/{name}"), found);
        }
    }
    for (place, value) in json.as_array().into_iter().flatten().enumerate() {
        collect_objects(value, &format!("{pointer}/{place}"), found);
    }
}

fn info() -> Info {
    Info {
        version: "0.1.0".into(),
        protocol: 7,
        quic_port: Some(4_433),
        certificate_hashes: vec!["ab".repeat(32), "cd".repeat(32)],
        certificate_refresh_secs: Some(86_400),
        feeds: vec!["ticks".into(), "host".into()],
        epoch: u64::MAX,
    }
}

fn lab() -> Lab {
    let ports = CongestionPorts { cubic: 1, cubic_wide: 2, bbr: 65_535 };
    Lab {
        id: "0f".repeat(16),
        seed: u64::MAX - 1,
        preset: Some("lte".into()),
        change: LinkChange { delay_ms: Some(12.5), ..LinkChange::default() },
        knobs: Knobs { delay_ms: 12.5, rate_kbit: 5_000.0, loss_percent: 0.1, ..Knobs::default() },
        is_udp_blocked: true,
        tcp: TcpStack::Model,
        ports: LabPorts { websocket: ports, webtransport: Some(ports) },
    }
}

fn flow() -> FlowReport {
    let link = LinkReport {
        queue: HopReport { packets: 3, bytes: 4_500, oldest_micros: 12 },
        lost_packets: 9,
        ..LinkReport::default()
    };
    let worst = LateWrite {
        written_at: Time::from_micros(5),
        send_queue_micros: 1,
        bottleneck_micros: 2,
        propagation_micros: 3,
        blocked_micros: 4,
        lost_packet: Some(77),
    };
    FlowReport {
        flow: 2,
        lane: Some(1),
        transport: Transport::WebSocket,
        congestion: Congestion::CubicWide,
        up: LinkReport::default(),
        down: link,
        tcp: Some(TcpReport {
            cwnd_packets: 10,
            in_flight_packets: 9,
            rtt_micros: 40_000,
            rto_micros: 240_000,
            unsent_bytes: 1,
            unacknowledged_bytes: 2,
            peer_window_bytes: 3,
            blocked_bytes: 4,
            unread_bytes: 5,
            retransmitted_packets: 6,
            waits_for: TcpWait::CongestionWindow,
            phase: TcpPhase::Recovery,
        }),
        lateness: Some(Lateness { writes: 8, worst: Some(worst), ..Lateness::default() }),
        quic: Some(QuicBytes { packets: 11, ..QuicBytes::default() }),
    }
}

fn switch() -> SwitchReport {
    SwitchReport {
        number: 6,
        at: Time::from_millis(20),
        address: NewAddress::Host,
        tcp: TcpFate::default(),
        problem: Some("no other host".into()),
        paths: Vec::new(),
    }
}

fn tunnel() -> TunnelReport {
    let (from, until) = (Time::from_millis(30), Time::from_millis(40));
    TunnelReport { number: 1, from, until, switched: false, paths: Vec::new() }
}

fn plain_frame() -> FrameRecord {
    FrameRecord {
        number: 12,
        at: Time::from_micros(99),
        direction: Direction::Down,
        fin: true,
        rsv: 0,
        opcode: 2,
        header: "8205".into(),
        mask: None,
        length: 5,
        wire: "0102030405".into(),
        plain: None,
        message: None,
        fragment: None,
        joined: None,
        is_between: false,
        close: None,
        answers: None,
        faults: Vec::new(),
    }
}

fn frame_event() -> FrameEvent {
    let frame = FrameRecord {
        direction: Direction::Up,
        mask: Some("01020304".into()),
        plain: Some("00".into()),
        message: Some(3),
        fragment: Some(1),
        joined: Some(JoinedMessage { fragments: 2, bytes: 10, plain: "0000".into() }),
        close: Some(CloseRecord { code: Some(1_000), meaning: "normal".into(), reason: "bye".into() }),
        answers: Some(Answer { number: 4, rtt_micros: 900 }),
        faults: vec!["5.1: not masked".into()],
        ..plain_frame()
    };
    let upgrade = UpgradeRecord {
        at: Time::from_micros(3),
        request: "GET /ws HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        response: "HTTP/1.1 101 Switching Protocols\r\n\r\n".into(),
        key: "k".into(),
        accept: "a".into(),
        expected: "a".into(),
        matches: true,
    };
    FrameEvent {
        connection: 5,
        upgrade: Some(upgrade),
        frames: vec![frame, plain_frame()],
        skipped: 1,
        up: FrameTotals { frames: [1, 2, 3, 4, 5, 6, 7], ..FrameTotals::default() },
        down: FrameTotals::default(),
        lost: Some("a frame is longer than its connection".into()),
        has_ended: true,
    }
}
