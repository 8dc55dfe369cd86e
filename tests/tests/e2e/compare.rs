//! `sluice compare`, `scenarios` and `profiles`, as a script meets them.

use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use sluice_tests::process::server_binary;
use tokio::process::Command;
use tokio::time::timeout;

/// How long one call may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

async fn sluice(arguments: &[&str]) -> Output {
    let mut command = Command::new(server_binary());
    command.args(arguments).kill_on_drop(true);
    timeout(PATIENCE, command.output()).await.expect("it ends in time").expect("it starts")
}

async fn json(arguments: &[&str]) -> Value {
    let output = sluice(arguments).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing is wrong");
    serde_json::from_slice(&output.stdout).expect("JSON alone")
}

fn lanes(report: &Value) -> &[Value] {
    report["lanes"].as_array().expect("a list")
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_prints_the_same_report_for_the_same_seed() {
    let run = |lanes: &'static str| async move {
        let arguments = [
            "compare",
            "--scenario",
            "lossy",
            "--virtual",
            "--seconds",
            "5",
            "--seed",
            "11",
            "--lanes",
            lanes,
        ];
        let output = sluice(&arguments).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let first = run("websocket,stream-per-topic,datagrams").await;
    assert_eq!(first, run("websocket,stream-per-topic,datagrams").await);
    assert!(first.contains("seed 11") && first.contains("age p95, ms"), "{first}");
    assert!(!first.contains("CPU"), "virtual time measures no CPU: {first}");
}

/// Real sockets, real time: everything but what the machine's speed decides.
#[tokio::test(flavor = "multi_thread")]
async fn every_mode_runs_through_the_emulated_network_in_real_time() {
    let modes = "websocket,one-stream,stream-per-topic,stream-per-message,datagrams";
    let arguments = [
        "compare",
        "--scenario",
        "head-of-line",
        "--seconds",
        "4",
        "--seed",
        "3",
        "--json",
        "--lanes",
        modes,
    ];
    let report = json(&arguments).await;
    assert_eq!((&report["time"], &report["seed"]), (&Value::from("native"), &Value::from(3)));
    let told: Vec<&str> = lanes(&report).iter().filter_map(|lane| lane["mode"].as_str()).collect();
    assert_eq!(told.join(","), modes);
    for lane in lanes(&report) {
        let messages = &lane["messages"];
        let consumed = messages["consumed"].as_u64().expect("counted");
        assert!(consumed > 50, "{lane}");
        assert_eq!(messages["lost"], 0, "{lane}");
        // Whatever the machine does, nothing arrives before the network lets it.
        assert!(lane["age"]["p50_ms"].as_f64().expect("measured") > 48.0, "{lane}");
        assert!(lane["cpu_us_per_message"].is_number() || !cfg!(target_os = "linux"), "{lane}");
        let down = &lane["down"];
        assert!(down["packets"].as_u64().expect("counted") > 100, "{lane}");
        assert!(down["lost_packets"].as_u64().expect("counted") > 0, "2 % of them get lost: {lane}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_no_packet_gets_through_for_is_reported_as_such() {
    let arguments = [
        "compare",
        "--scenario",
        "udp-blocked",
        "--seconds",
        "2",
        "--json",
        "--lanes",
        "websocket,one-stream",
    ];
    let report = json(&arguments).await;
    let [websocket, one_stream] = lanes(&report) else { panic!("{report}") };
    assert!(websocket["messages"]["consumed"].as_u64().expect("counted") > 50, "{websocket}");
    assert_eq!(one_stream["messages"]["consumed"], 0, "{one_stream}");
    assert_eq!(one_stream["connected_after_ms"], Value::Null, "{one_stream}");
    assert!(one_stream["up"]["outage_drops"].as_u64().expect("counted") > 0, "{one_stream}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_move_are_reported_with_what_became_of_their_connections() {
    let arguments = |scenario| ["compare", "--scenario", scenario, "--virtual", "--seconds", "20", "--json"];
    for (scenario, is_balanced) in
        [("rebind", false), ("balancer-by-cid", true), ("balancer-by-address", true), ("train", false)]
    {
        let report = json(&arguments(scenario)).await;
        assert_eq!(report["balancer"].is_object(), is_balanced, "{report}");
        for lane in lanes(&report) {
            let migration = &lane["migration"];
            let count = |field: &str| migration[field].as_u64().expect("counted");
            assert!(count("address_changes") >= 1, "{scenario}: {lane}");
            assert_eq!((&lane["messages"]["lost"], count("sessions_lost")), (&Value::from(0), 0), "{lane}");
            if lane["transport"] == "websocket" {
                assert_eq!((count("survived"), count("addresses_used")), (0, 0), "{scenario}: {lane}");
            } else if scenario != "balancer-by-address" {
                assert_eq!(count("survived"), count("address_changes"), "{scenario}: {lane}");
                assert_eq!(
                    (count("misrouted_packets"), &lane["connections"]),
                    (0, &Value::from(1)),
                    "{lane}"
                );
            }
        }
    }
}

/// In virtual and in real time: the server turns to whoever sends a copy, and is back at once.
#[tokio::test(flavor = "multi_thread")]
async fn copies_of_packets_leave_connections_where_they_are() {
    let arguments =
        ["compare", "--scenario", "spoof", "--seconds", "14", "--json", "--lanes", "websocket,datagrams"];
    let in_virtual_time: Vec<&str> = arguments.into_iter().chain(["--virtual"]).collect();
    for (arguments, time) in [(&arguments[..], "native"), (&in_virtual_time, "virtual")] {
        let report = json(arguments).await;
        assert_eq!((&report["time"], &report["spoof"]["packets"]), (&Value::from(time), &Value::from(1)));
        let [websocket, datagrams] = lanes(&report) else { panic!("{report}") };
        assert_eq!(websocket["spoof"], Value::Null, "{websocket}");
        let count = |field: &str| datagrams["spoof"][field].as_u64().expect("counted");
        assert!(count("attacks") >= 2 && count("copied_packets") == count("attacks"), "{datagrams}");
        assert_eq!((count("turned"), count("turned") > 0), (count("returned"), count("reflected_bytes") > 0));
        for lane in [websocket, datagrams] {
            let lost = (&lane["connections"], &lane["messages"]["lost"]);
            assert_eq!(lost, (&Value::from(1), &Value::from(0)), "{lane}");
        }
    }
}

/// Real sockets: each lane's client gets another address, QUIC goes on from there, and TCP comes back.
#[tokio::test(flavor = "multi_thread")]
async fn clients_move_in_real_time_too() {
    let lanes_of = |scenario| async move {
        let arguments = [
            "compare",
            "--scenario",
            scenario,
            "--seconds",
            "14",
            "--json",
            "--lanes",
            "websocket,stream-per-topic",
        ];
        let report = json(&arguments).await;
        assert_eq!(report["time"], "native", "{report}");
        report
    };
    let (rebind, by_cid, by_address) =
        tokio::join!(lanes_of("rebind"), lanes_of("balancer-by-cid"), lanes_of("balancer-by-address"));
    for report in [&rebind, &by_cid, &by_address] {
        for lane in lanes(report) {
            let migration = &lane["migration"];
            let count = |field: &str| migration[field].as_u64().unwrap_or_else(|| panic!("{field}: {lane}"));
            assert!(count("address_changes") >= 2, "{lane}");
            assert_eq!((&lane["messages"]["lost"], count("sessions_lost")), (&Value::from(0), 0), "{lane}");
            assert!(migration["gap"]["p50_ms"].as_f64().expect("measured") > 0.0, "{lane}");
            let is_websocket = lane["transport"] == "websocket";
            if is_websocket {
                assert_eq!((count("survived"), count("addresses_used")), (0, 0), "{lane}");
                assert!(count("sessions_resumed") >= 1 && migration["resume"].is_object(), "{lane}");
                assert!(lane["connections"].as_u64() > Some(1), "{lane}");
                continue;
            }
            assert!(count("addresses_used") >= 1, "{lane}");
            assert_eq!(count("path_challenges") == 0, count("path_changes") == 0, "{lane}");
            if report["scenario"] == "balancer-by-address" {
                continue;
            }
            assert_eq!(count("survived"), count("address_changes"), "{lane}");
            assert_eq!((count("connections_lost"), &lane["connections"]), (0, &Value::from(1)), "{lane}");
            assert_eq!((count("addresses_misrouted"), count("misrouted_packets")), (0, 0), "{lane}");
            assert!(count("path_changes") >= 1 && count("path_responses") >= 1, "{lane}");
            // A window that had never grown begins as it was.
            assert!(count("window_resets") <= count("path_changes"), "{lane}");
        }
    }
    assert_eq!(lanes(&rebind)[1]["migration"]["stateless_resets"], Value::Null, "nobody counts them");
    assert_eq!(lanes(&by_cid)[1]["migration"]["stateless_resets"], 0);
}

/// Half of all addresses lead to the other backend; of the 14 that there are here, one in 16,000 times none does.
#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_by_address_misleads_packets_in_real_time_and_nothing_is_lost() {
    let folder = std::env::temp_dir().join(format!("sluice-e2e-by-address-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("misled.toml");
    let text = "name = 'misled'\nsummary = 'b'\nnetwork.preset = 'fibre'\nfeed.messages_per_second = 100\n\
                address_changes.every_ms = 800\nbalancer = { backends = 2, routing = 'address', shares_reset_key = true }\n\
                [[lanes]]\nmode = 'one-stream'";
    std::fs::write(&file, text).expect("written");
    let report =
        json(&["compare", "--scenario", file.to_str().expect("UTF-8"), "--seconds", "14", "--json"]).await;
    let lane = &lanes(&report)[0];
    let migration = &lane["migration"];
    let count = |field: &str| migration[field].as_u64().unwrap_or_else(|| panic!("{field}: {lane}"));
    let (used, misrouted) = (count("addresses_used"), count("addresses_misrouted"));
    assert!((1..=used).contains(&misrouted), "{lane}");
    assert!(count("misrouted_packets") >= 1 && count("stateless_resets") >= 1, "{lane}");
    assert!(count("believed_resets") >= 1 && count("believed_resets") <= count("connections_lost"), "{lane}");
    assert!(
        count("sessions_resumed") >= 1 && count("resumed_elsewhere") <= count("sessions_resumed"),
        "{lane}"
    );
    assert_eq!((&lane["messages"]["lost"], count("sessions_lost")), (&Value::from(0), 0), "{lane}");
    assert_eq!(lane["messages"]["gaps"], serde_json::json!({}), "{lane}");
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_a_line_for_each_name() {
    for (command, names) in [
        ("scenarios", &["clean", "lossy", "head-of-line", "udp-blocked", "rebind", "balancer-by-cid"][..]),
        ("profiles", &["none", "lte", "lossy-2", "udp-blocked"]),
    ] {
        let output = sluice(&[command]).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        for name in names {
            let found = text.lines().filter(|line| line.split_whitespace().next() == Some(*name)).count();
            assert_eq!(found, 1, "{name}: {text}");
        }
        assert!(text.lines().all(|line| line.split_whitespace().count() > 2), "each says what it is: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_told_in_one_line_and_ends_with_two() {
    let folder = std::env::temp_dir().join(format!("sluice-e2e-compare-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("wrong.toml");
    std::fs::write(&file, "name = 'a'\nsummary = 'b'\nsecond = 3\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    let missing = folder.join("missing.toml");
    let missing = missing.to_str().expect("UTF-8");
    let unshared = folder.join("unshared.toml");
    let text = "name = 'a'\nsummary = 'b'\nnetwork.preset = 'fibre'\nbalancer = { backends = 2, routing = 'address' }\n\
                [[lanes]]\nmode = 'one-stream'";
    std::fs::write(&unshared, text).expect("written");
    let unshared = unshared.to_str().expect("UTF-8");
    let clean = ["--scenario", "clean", "--virtual"];
    for (arguments, code, told) in [
        (&["--scenario", "head-of-lin"][..], 2, "did you mean \"head-of-line\"?"),
        (&["--scenario", file], 2, "line 3: unknown field `second`"),
        (&["--scenario", missing], 1, "missing.toml cannot be read"),
        (&[&clean[..], &["--seconds", "0"]].concat(), 2, "--seconds is 0; give 1 to 600 s"),
        (&[&clean[..], &["--seconds", "601"]].concat(), 2, "--seconds is 601; give 1 to 600 s"),
        (
            &[&clean[..], &["--lanes", "websocket,carrier-pigeon"]].concat(),
            2,
            "\"carrier-pigeon\", which is no mode",
        ),
        (&["--scenario", unshared], 2, "balancer.shares_reset_key = false is played in virtual time only"),
    ] {
        let output = sluice(&[&["compare"], arguments].concat()).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{arguments:?}: {error}");
        assert!(error.starts_with("sluice: ") && error.contains(told), "{arguments:?}: {error}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
    std::fs::remove_dir_all(&folder).expect("removed");
    for arguments in [&["compare"][..], &["compare", "--scenario", "clean", "--seed", "-1"]] {
        assert_eq!(sluice(arguments).await.status.code(), Some(2), "{arguments:?}");
    }
}
