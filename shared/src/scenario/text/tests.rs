use super::*;
use crate::lab::{OriginalFate, Spoof};
use crate::scenario::{AddressChanges, AddressPart, BalancerSetup, Routing, SpoofSetup};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const WHOLE: &str = r#"
    name = "all-settings"
    summary = "Everything that can be set"
    congestion = "bbr"
    seconds = 20
    seed = 9
    heartbeat_ms = 250

    [network]
    preset = "lossy-2"
    change = { loss_percent = 3 }

    [feed]
    messages_per_second = 100
    payload_bytes = 64
    topics = 3
    keys = 2

    [address_changes]
    every_ms = 3_000
    part = "port"
    tells_client = false
    server_follows = false

    [spoof]
    every_ms = 2_000
    packets = 3
    original = "dropped"

    [balancer]
    backends = 4
    routing = "connection-id"
    shares_reset_key = true

    [[lanes]]
    mode = "websocket"

    [[lanes]]
    mode = "stream-per-topic"
    policy = "drop-oldest:9"
    window_messages = 64
    window_bytes = 262_144
    consumer_delay_us = 500
"#;

fn scenario(text: &str) -> Result<Scenario, toml::de::Error> {
    toml::from_str(text)
}

#[test]
fn every_setting_is_read() {
    let scenario = scenario(WHOLE).expect("valid");
    assert_eq!((scenario.congestion, scenario.seconds, scenario.seed), (Congestion::Bbr, 20, 9));
    assert_eq!(scenario.heartbeat, Duration::from_millis(250));
    assert_eq!(scenario.network.profile().down.loss.mean(), 0.03);
    let ticks = scenario.ticks();
    assert_eq!((ticks.rate, ticks.size, ticks.streams, ticks.keys, ticks.seed), (100, 64, 3, 2, 9));
    assert_eq!(
        scenario.address_changes,
        Some(AddressChanges {
            every: Duration::from_secs(3),
            part: AddressPart::Port,
            tells_client: false,
            server_follows: false
        })
    );
    assert_eq!(
        scenario.spoof,
        Some(SpoofSetup {
            every: Duration::from_secs(2),
            spoof: Spoof { packets: 3, original: OriginalFate::Dropped }
        })
    );
    assert_eq!(
        scenario.balancer,
        Some(BalancerSetup { backends: 4, routing: Routing::ConnectionId, shares_reset_key: true })
    );
    assert_eq!(scenario.lanes[0], LaneSetup::new(Mode::WebSocket));
    assert_eq!(
        scenario.lanes[1],
        LaneSetup {
            mode: Mode::StreamPerTopic,
            policy: Policy::DropOldest { limit: 9 },
            window: WindowMode::Fixed(Amount::new(64, 262_144)),
            consumer_delay: Duration::from_micros(500),
        }
    );
}

#[test]
fn a_scenario_survives_its_text_forms() {
    let of_preset = scenario(WHOLE).expect("valid");
    let of_profile = scenario(&WHOLE.replace(
        r#"preset = "lossy-2""#,
        "profile = { up = { delay_ms = 5 }, down = { delay_ms = 7, rate_kbit = 800, queue_ms = 90 } }",
    ))
    .expect("valid");
    for scenario in [of_preset, of_profile] {
        let toml = toml::to_string(&scenario).expect("writable");
        assert_eq!(toml::from_str::<Scenario>(&toml).expect("readable"), scenario, "{toml}");
        let json = serde_json::to_string(&scenario).expect("writable");
        assert_eq!(serde_json::from_str::<Scenario>(&json).expect("readable"), scenario, "{json}");
    }
}

#[test]
fn most_settings_may_be_left_out() {
    let short = "name = 'a'\nsummary = 'b'\nnetwork.preset = 'none'\n[[lanes]]\nmode = 'datagrams'";
    let scenario = scenario(short).expect("valid");
    assert_eq!((scenario.seconds, scenario.seed, scenario.congestion), (60, 1, Congestion::Cubic));
    assert_eq!(scenario.feed, FeedSetup::default());
    assert_eq!(scenario.lanes, [LaneSetup::new(Mode::Datagrams)]);
    assert_eq!((scenario.address_changes, scenario.spoof, scenario.balancer), (None, None, None));
    assert_eq!(scenario.heartbeat, Heartbeat::default().interval);
}

#[test]
fn what_is_wrong_is_named_with_its_value_and_range() {
    for (good, bad, told) in [
        ("seconds = 20", "seconds = 0", "seconds is 0; give 1 to 600 s"),
        ("seconds = 20", "seconds = 601", "seconds is 601; give 1 to 600 s"),
        ("seconds = 20", "seconds = nan", "seconds is NaN; give 1 to 600 s"),
        ("seconds = 20", "seconds = 1.5", "seconds: give a whole number"),
        ("heartbeat_ms = 250", "heartbeat_ms = 99", "heartbeat_ms is 99; give 100 to 30000 ms"),
        ("topics = 3", "topics = 65", "feed.topics is 65; give 1 to 64 topics"),
        ("payload_bytes = 64", "payload_bytes = 8", "feed.payload_bytes is 8; give 16 to 16384 bytes"),
        (
            "messages_per_second = 100",
            "messages_per_second = -1",
            "feed.messages_per_second is -1; give 1 to 50000",
        ),
        ("keys = 2", "keys = 2000", "feed.keys is 2000; give 1 to 1024 keys"),
        ("keys = 2", "kyes = 2", "unknown field `kyes`"),
        ("every_ms = 3_000", "every_ms = 10", "address_changes.every_ms is 10; give 50 to 600000 ms"),
        ("part = \"port\"", "part = \"ip\"", "unknown variant `ip`, expected `port` or `address`"),
        ("every_ms = 2_000", "every_ms = 2", "spoof.every_ms is 2; give 50 to 600000 ms"),
        ("packets = 3", "packets = 0", "spoof.packets is 0; give 1 to 16 packets"),
        ("packets = 3", "packets = 17", "spoof.packets is 17; give 1 to 16 packets"),
        ("\"dropped\"", "\"eaten\"", "unknown variant `eaten`, expected `follows` or `dropped`"),
        ("backends = 4", "backends = 17", "balancer.backends is 17; give 1 to 16 of them"),
        ("backends = 4", "backends = 1.5", "balancer.backends: give a whole number"),
        ("\"connection-id\"", "\"cid\"", "unknown variant `cid`, expected `address` or `connection-id`"),
        ("routing = \"connection-id\"", "", "missing field `routing`"),
        (
            "window_messages = 64",
            "window_messages = 0",
            "lanes[1].window_messages is 0; give 1 to 8192 messages",
        ),
        ("window_messages = 64", "", "lanes[1].window_messages: a window is counted in both"),
        (
            "window_bytes = 262_144",
            "window_bytes = 9",
            "lanes[1].window_bytes is 9; give 32768 to 8388608 bytes",
        ),
        (
            "consumer_delay_us = 500",
            "consumer_delay_us = 2e6",
            "lanes[1].consumer_delay_us is 2000000; give 0 to 1000000",
        ),
        (
            "stream-per-topic",
            "stream-per-topics",
            "lanes[1].mode is \"stream-per-topics\", which is no mode; did you mean \"stream-per-topic\"?",
        ),
        ("stream-per-topic", "pigeon", "give websocket, "),
        ("drop-oldest:9", "drop-oldest:0", "lanes[1].policy: unknown policy 'drop-oldest:0'"),
        ("drop-oldest:9", "silent-drop", "lanes[1].policy: 'silent-drop:256' is a failure exhibit"),
        ("lossy-2", "lossy2", "network.preset: there is no network \"lossy2\"; did you mean \"lossy-2\"?"),
        ("preset = \"lossy-2\"", "", "network: give a preset or a profile"),
        ("loss_percent = 3", "loss_percent = 101", "change.loss_percent is 101; give 0 to 100 %"),
        ("\"bbr\"", "\"vegas\"", "unknown variant `vegas`, expected one of `cubic`, `cubic-wide`, `bbr`"),
        ("\"all-settings\"", "\"All Settings\"", "name: give 1 to 40 lower-case letters"),
        ("\"Everything that can be set\"", "\"\"", "summary: give one line"),
    ] {
        assert!(WHOLE.contains(good), "{good}");
        let error = scenario(&WHOLE.replace(good, bad)).expect_err(bad).to_string();
        assert!(error.contains(told), "{bad}: {error}");
    }
}

#[test]
fn lanes_are_counted() {
    let head = "name = 'a'\nsummary = 'b'\nnetwork.preset = 'none'\n";
    let none = scenario(&format!("{head}lanes = []")).expect_err("no lane").to_string();
    assert!(none.contains("lanes is 0; give 1 to 8 of them"), "{none}");
    let nine = format!("{head}{}", "[[lanes]]\nmode = 'datagrams'\n".repeat(9));
    assert!(scenario(&nine).expect_err("nine").to_string().contains("lanes is 9"));
}
