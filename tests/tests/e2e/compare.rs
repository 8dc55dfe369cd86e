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
        (&["--scenario", "rebind"], 2, "address_changes is played in virtual time only: add --virtual"),
        (&["--scenario", "balancer-by-cid"], 2, "balancer is played in virtual time only: add --virtual"),
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
