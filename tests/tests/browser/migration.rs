//! The migration lab on the page: clients that change networks, and the balancer that loses them or does not.

use serde_json::{Value, json};
use sluice_tests::deadline::{PATIENCE, eventually, patiently};
use sluice_tests::stage::{Facts, Stage, on_stage};
use tokio::time::Instant;

use crate::certificates::until_certified;
use crate::{DESK, HAND};

const TOPICS: &str = "stream-per-topic";
const SOCKET: &str = "websocket";
/// 20 ms each way, so that what is measured is the network's.
const LAB: &str = "?net=none&net-delay=20&view=migration";

/// The number of a fact of the panel; `None` while there is none.
async fn number(stage: &Stage, id: &str) -> Option<u64> {
    text(stage, id).await.parse().ok()
}

/// A fact of the panel; empty while there is none.
async fn text(stage: &Stage, id: &str) -> String {
    let script = "return document.querySelector(`[data-testid='${arguments[0]}']`)?.dataset.value ?? '';";
    stage.browser.run(script, json!([id])).await.as_str().unwrap_or_default().to_owned()
}

/// The numbers of facts of the panel at one moment; `None` until all of them are there.
async fn numbers<const COUNT: usize>(stage: &Stage, ids: [&str; COUNT]) -> Option<[u64; COUNT]> {
    let script = "return arguments[0].map(id =>
        document.querySelector(`[data-testid='${id}']`)?.dataset.value ?? '');";
    let values = stage.browser.run(script, json!([ids.as_slice()])).await;
    let values: Vec<String> = serde_json::from_value(values).expect("texts");
    let numbers: Vec<u64> = values.iter().map(|value| value.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

/// Waits until both lanes consume and the panel watches the lab.
async fn until_ready(stage: &Stage) {
    let both = |facts: &Facts| [TOPICS, SOCKET].iter().all(|lane| facts.consumes(lane, 200.0));
    stage.until("both lanes consume", both).await;
    until_pressed(stage, "routing-off").await;
}

/// Waits until a button says that it is in force.
async fn until_pressed(stage: &Stage, id: &str) {
    eventually(&format!("{id} is in force"), || async {
        let script = "return document.querySelector(`[data-testid='${arguments[0]}']`)?.ariaPressed ?? '';";
        (stage.browser.run(script, json!([id])).await == json!("true")).then_some(())
    })
    .await;
}

/// Waits until a lane has consumed `messages` more.
async fn until_it_goes_on(stage: &Stage, lane: &str, messages: f64) -> Facts {
    let goal = stage.facts().await.number(lane, "consumed").unwrap_or_default() + messages;
    stage.until("the lane goes on", |facts| facts.consumes(lane, goal)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_keeps_the_webtransport_session_and_the_websocket_resumes() {
    on_stage("migration", DESK, LAB, async |stage| {
        until_ready(stage).await;
        stage.press(None, "view-continuity").await;
        let whole = |certificate: &Value| certificate["produced"].as_u64() > Some(400);
        let before = until_certified(stage, 1, "the session is certified", whole).await;
        stage.press(None, "view-migration").await;
        until_pressed(stage, "routing-off").await;
        stage.press(None, "address-host").await;
        stage.press(None, "migrate").await;

        let (gap, socket_gap) = eventually("both gaps are over and the path is validated", || async {
            (number(stage, "switched-webtransport-responses").await >= Some(1)).then_some(())?;
            Some((
                number(stage, "switched-webtransport-gap").await?,
                number(stage, "switched-websocket-gap").await?,
            ))
        })
        .await;
        eprintln!("another host: gap of QUIC {gap} µs, of TCP {socket_gap} µs");
        assert!(number(stage, "switched-webtransport-challenges").await >= Some(1));
        assert_eq!(text(stage, "switched-webtransport-client-ids").await, "kept", "as behind a NAT");
        assert_ne!(text(stage, "switched-webtransport-address").await, "");
        // There and back, and a TCP handshake, a request and an answer besides.
        assert!((20_000..3_000_000).contains(&gap), "{gap} µs");
        assert!(socket_gap >= 80_000, "{socket_gap} µs");
        let drawn = "const svg = document.querySelector('[data-testid=switch-drawing] svg');
            return [svg.querySelectorAll('.way').length, svg.querySelectorAll('.challenge').length > 0,
                svg.querySelectorAll('.gap.open').length];";
        assert_eq!(stage.browser.run(drawn, json!([])).await, json!([2, true, 0]));
        stage.keep_screenshot("migration-desk").await;

        let facts = until_it_goes_on(stage, SOCKET, 200.0).await;
        assert_eq!(facts.count(TOPICS, "reconnects"), 0.0, "{facts:#?}");
        assert_eq!(facts.count(SOCKET, "reconnects"), 1.0, "{facts:#?}");
        stage.press(None, "view-continuity").await;
        let goal = stage.facts().await.count(TOPICS, "consumed") + 200.0;
        for (position, connections) in [(0, 2), (1, 1)] {
            let beyond = |certificate: &Value| {
                certificate["connections"] == connections
                    && certificate["produced"].as_f64().is_some_and(|produced| produced > goal)
            };
            let certificate = until_certified(stage, position, "what came after is certified", beyond).await;
            assert_eq!(certificate["verdict"], "continuous", "{certificate:#}");
            assert_eq!(certificate["digest_server"], certificate["digest_client"], "{certificate:#}");
            if position == 1 {
                assert_eq!(certificate["session"], before["session"], "it is the same session");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_by_address_loses_sessions_and_one_by_connection_id_does_not() {
    on_stage("balancer", DESK, LAB, async |stage| {
        // The browser writes each QUIC connection that is not answered to the console.
        stage.expect_console_errors("net::ERR_");
        stage.expect_console_errors("Failed to establish a connection");
        until_ready(stage).await;
        stage.press(None, "routing-connection-id").await;
        until_pressed(stage, "routing-connection-id").await;
        let before = stage.facts().await;
        for n in 0..6 {
            let packets = number(stage, "balanced").await;
            stage.press(None, "migrate").await;
            eventually("the change was survived", || async {
                (text(stage, "switch-drawing").await == n.to_string()).then_some(())?;
                number(stage, "switched-webtransport-gap").await?;
                (number(stage, "balanced").await > packets).then_some(())
            })
            .await;
        }
        assert_eq!(number(stage, "misrouted").await, Some(0));
        let facts = until_it_goes_on(stage, TOPICS, 100.0).await;
        assert_eq!(facts.count(TOPICS, "reconnects"), before.count(TOPICS, "reconnects"), "{facts:#?}");

        stage.press(None, "backends-4").await;
        stage.press(None, "routing-address").await;
        until_pressed(stage, "routing-address").await;
        // A change draws among four backends, so one that changes nothing is soon followed by one that does.
        patiently(3 * PATIENCE, "a session is lost", async || {
            stage.press(None, "migrate").await;
            until_it_goes_on(stage, TOPICS, 50.0).await;
            let is_lost = stage.facts().await.count(TOPICS, "reconnects") > facts.count(TOPICS, "reconnects");
            (is_lost && number(stage, "misrouted").await > Some(0)).then_some(())
        })
        .await;
        for lane in [TOPICS, SOCKET] {
            let facts = until_it_goes_on(stage, lane, 100.0).await;
            assert_eq!(facts.count(lane, "lost") + facts.count(lane, "gaps"), 0.0, "{facts:#?}");
        }
        stage.keep_screenshot("balancer-desk").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_changes_are_summed_up_on_a_small_screen_too() {
    on_stage("migration_hand", HAND, LAB, async |stage| {
        // A WebSocket may be cut in the middle of its upgrade.
        stage.expect_console_errors("net::ERR_");
        stage.expect_console_errors("WebSocket connection to");
        stage.resize(HAND.0, HAND.1).await;
        until_ready(stage).await;
        stage.press(None, "ten-switches").await;
        // A WebSocket that was cut ten times waits longer and longer between its tries.
        patiently(2 * PATIENCE, "ten changes were made", || async {
            let state = text(stage, "migration-status").await;
            assert_ne!(state, "refused");
            (state == "done" && number(stage, "series").await == Some(10)).then_some(())
        })
        .await;
        assert_eq!(number(stage, "series-webtransport-survived").await, Some(1));
        assert_eq!(number(stage, "series-websocket-survived").await, Some(0));
        for transport in ["webtransport", "websocket"] {
            let median = number(stage, &format!("series-{transport}-gap-p50")).await;
            let most = number(stage, &format!("series-{transport}-gap-max")).await;
            eprintln!("ten changes: {transport} p50 {median:?} µs, max {most:?} µs");
            assert!(median > Some(0) && most >= median);
        }
        let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(stage.browser.run(wide, json!([])).await, json!(0), "no sideways scrolling");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copied_packets_do_not_move_the_session_and_the_page_says_what_they_brought() {
    on_stage("spoof", DESK, LAB, async |stage| {
        until_ready(stage).await;
        let mut attacker = String::new();
        let give_up = Instant::now() + 3 * PATIENCE;
        // A busy server may read the copy and the client's next packet in one go, and send nothing in between.
        loop {
            stage.press(None, "spoof").await;
            attacker = eventually("the session has stayed", || async {
                let is_told = text(stage, "spoofed-session").await == "stayed";
                let newest = text(stage, "spoofed-attacker").await;
                (is_told && newest != attacker).then_some(newest)
            })
            .await;
            if number(stage, "spoofed-away").await.is_some() {
                break;
            }
            assert!(Instant::now() < give_up, "the server never turns to the attacker");
        }
        let [copied, reflected, asked, answered] = eventually("the client has answered", || async {
            let ids = ["spoofed-copied", "spoofed-reflected", "spoofed-asked", "spoofed-answered"];
            numbers(stage, ids).await.filter(|[.., answered]| *answered >= 1)
        })
        .await;
        eprintln!("{copied} B copied, {reflected} B to the attacker, {answered} challenges answered");
        assert!(asked >= 1 && copied > 0, "{asked} {copied}");
        // A datagram and a probe of the path's MTU each time that quinn turns to the attacker.
        assert!((1..=3 * copied + asked * 2_652).contains(&reflected), "{reflected} B for {copied} B");
        stage.keep_screenshot("spoof-desk").await;
        let facts = until_it_goes_on(stage, TOPICS, 200.0).await;
        for lane in [TOPICS, SOCKET] {
            assert_eq!(facts.count(lane, "reconnects"), 0.0, "{facts:#?}");
            assert_eq!(facts.count(lane, "lost"), 0.0, "{facts:#?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_websockets_way_back_is_told_in_parts_and_so_are_the_messages_that_waited() {
    on_stage("way_back", DESK, LAB, async |stage| {
        until_ready(stage).await;
        // A lane that does not know the server's clock yet tells of no silence.
        eventually("both lanes tell since when they know their silences", || async {
            let script = "return [...document.querySelectorAll('[data-testid=migration-lane]')]
                .filter(lane => lane.dataset.value).length;";
            (stage.browser.run(script, json!([])).await == json!(2)).then_some(())
        })
        .await;
        stage.press(None, "migrate").await;
        let parts = ["detect", "backoff", "connect", "upgrade", "resume"];
        let [detect, backoff, connect, upgrade, resume] =
            parts.map(|part| format!("switched-websocket-{part}"));
        let facts = [
            "switched-websocket-fresh",
            "switched-websocket-silence",
            "switched-websocket-waited",
            &detect,
            &backoff,
            &connect,
            &upgrade,
            &resume,
        ];
        // Some is told by the lane, and some by the lab's report.
        let [whole, silence, waited, took @ ..] =
            eventually("the WebSocket is back and its silence told", || numbers(stage, facts)).await;
        for (part, took) in parts.iter().zip(took) {
            eprintln!("{part}: {took} µs");
        }
        let sum: u64 = took.iter().sum();
        assert!(sum <= whole, "{sum} µs of {whole} µs: they follow each other");
        let [_, _, connect, ..] = took;
        assert!(connect >= 30_000, "a round trip of 40 ms: {connect} µs");

        // 400 ticks a second and ten readings of the host.
        let share = waited as f64 / (410.0 * silence as f64 / 1e6);
        eprintln!("{waited} messages waited in {silence} µs: {share:.2} of the feed's rate");
        assert!((0.5..2.0).contains(&share), "{waited} messages in {silence} µs");
        for what in ["left-out", "messages-lost"] {
            assert_eq!(number(stage, &format!("switched-websocket-{what}")).await, Some(0), "{what}");
        }
        // A silence that is no longer than usual is none: then it is told so.
        eventually("the other lane has told of its silence", || async {
            number(stage, "switched-webtransport-waited").await
        })
        .await;
        assert_eq!(number(stage, "switched-webtransport-detect").await, None, "its session goes on");

        let drawn = "return [...document.querySelectorAll('[data-testid=switch-drawing] .step rect')]
            .map(part => [part.parentElement.classList[0], part.x.baseVal.value]);";
        let drawn = eventually("each part is drawn", || async {
            let drawn = stage.browser.run(drawn, json!([])).await;
            let drawn: Vec<(String, f64)> = serde_json::from_value(drawn).expect("names and places");
            (drawn.len() >= parts.len()).then_some(drawn)
        })
        .await;
        let names: Vec<&str> = drawn.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, parts);
        assert!(drawn.is_sorted_by(|one, next| one.1 <= next.1), "{drawn:?}");
        stage.keep_screenshot("way-back-desk").await;
    })
    .await;
}

/// Goes through a tunnel, and waits until `marks` connections came out of it and others before.
async fn pass_a_tunnel(stage: &Stage, seconds: &str, marks: usize) -> Vec<(String, String)> {
    stage.set(None, "migration-tunnel-seconds", seconds).await;
    stage.press(None, "migration-tunnel").await;
    patiently(2 * PATIENCE, "all lanes are back", || async {
        let told = "return [...document.querySelectorAll('[data-testid=tunnel-mark]')]
            .map(mark => [mark.dataset.of, mark.dataset.value]);";
        let told = stage.browser.run(told, json!([])).await;
        let told: Vec<(String, String)> = serde_json::from_value(told).expect("kinds and outcomes");
        (told.len() == marks && told.iter().all(|(_, outcome)| outcome != "open")).then_some(told)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_stands_in_the_chart_with_what_became_of_each_lane() {
    on_stage("tunnels", DESK, LAB, async |stage| {
        stage.expect_console_errors("net::ERR_");
        stage.expect_console_errors("WebSocket connection to");
        until_ready(stage).await;
        // The box is ticked at first.
        stage.press(None, "then-switch").await;
        let outcomes = pass_a_tunnel(stage, "3", 2).await;
        let expected = [("webtransport-cubic", "survived"), ("websocket-cubic", "survived")];
        let told: Vec<(&str, &str)> =
            outcomes.iter().map(|(of, outcome)| (of.as_str(), outcome.as_str())).collect();
        assert_eq!(told, expected, "three seconds of silence are survived");
        for kind in ["webtransport-cubic", "websocket-cubic"] {
            assert_eq!(number(stage, &format!("survival-{kind}-survived")).await, Some(1));
            assert_eq!(number(stage, &format!("survival-{kind}-up-to")).await, Some(3_000_000));
            assert_eq!(number(stage, &format!("survival-{kind}-lost")).await, Some(0));
            let first_data = number(stage, &format!("survival-{kind}-first-data")).await;
            eprintln!("3 s: first data of {kind} after {first_data:?} µs");
            assert!(first_data >= Some(20_000), "no sooner than the network lets it");
        }

        eventually("the panel takes another order", || async {
            let script = "return document.querySelector('[data-testid=migration-tunnel]').ariaDisabled;";
            (stage.browser.run(script, json!([])).await == json!("false")).then_some(())
        })
        .await;
        stage.press(None, "then-switch").await;
        let outcomes = pass_a_tunnel(stage, "1", 4).await;
        let died: Vec<&str> =
            outcomes.iter().filter(|(_, outcome)| outcome == "died").map(|(of, _)| of.as_str()).collect();
        assert_eq!(died, ["websocket-cubic"], "another address ends a TCP connection: {outcomes:?}");
        assert_eq!(number(stage, "survival-websocket-cubic-moved-survived").await, Some(0));
        assert_eq!(number(stage, "survival-webtransport-cubic-moved-survived").await, Some(1));
        let diamonds = "return document.querySelectorAll('[data-testid=survival] .mark path').length";
        assert_eq!(stage.browser.run(diamonds, json!([])).await, json!(2));
        for lane in [TOPICS, SOCKET] {
            let facts = until_it_goes_on(stage, lane, 100.0).await;
            assert_eq!(facts.count(lane, "lost") + facts.count(lane, "gaps"), 0.0, "{facts:#?}");
        }
        stage.keep_screenshot("tunnels-desk").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_of_tunnels_can_be_stopped_on_a_small_screen_too() {
    on_stage("tunnels_hand", HAND, LAB, async |stage| {
        stage.expect_console_errors("net::ERR_");
        stage.expect_console_errors("WebSocket connection to");
        stage.resize(HAND.0, HAND.1).await;
        until_ready(stage).await;
        let says = async |words: &str| {
            let script = "return document.querySelector('[data-testid=tunnel-series]').textContent;";
            eventually(&format!("the button says {words}"), || async {
                let text = stage.browser.run(script, json!([])).await;
                text.as_str().is_some_and(|text| text.starts_with(words)).then_some(())
            })
            .await;
        };
        says("Series").await;
        stage.press(None, "tunnel-series").await;
        says("Stop").await;
        eventually("the first tunnel has begun", || async {
            (text(stage, "migration-status").await == "running").then_some(())
        })
        .await;
        stage.press(None, "tunnel-series").await;
        says("Series").await;
        assert_eq!(text(stage, "migration-status").await, "done");
        patiently(2 * PATIENCE, "the tunnel that ran is in the chart", || async {
            number(stage, "survival-webtransport-cubic-up-to").await
        })
        .await;
        let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(stage.browser.run(wide, json!([])).await, json!(0), "no sideways scrolling");
        stage.keep_screenshot("tunnels-hand").await;
    })
    .await;
}
