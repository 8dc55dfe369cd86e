//! The handshake lab on the page.

use serde_json::{Value, json};
use sluice_tests::deadline::eventually;
use sluice_tests::http;
use sluice_tests::stage::{Stage, on_stage};

use crate::{DESK, HAND};

/// What the page has loaded of the lab's module.
const LOADED: &str =
    "return performance.getEntriesByType('resource').map(entry => new URL(entry.name).pathname)
    .filter(path => path.startsWith('/views'));";

/// What the ladder on the page consists of.
const LADDER: &str = "const svg = document.querySelector('[data-testid=ladder] svg');
    return svg && { rungs: svg.querySelectorAll('.rung').length, left: svg.querySelectorAll('[data-side=left]').length,
        right: svg.querySelectorAll('[data-side=right]').length };";

/// The number of a fact outside the lanes; `None` while there is none.
async fn number(stage: &Stage, id: &str) -> Option<u64> {
    let script = "return document.querySelector(`[data-testid='${arguments[0]}']`)?.dataset.value ?? '';";
    stage.browser.run(script, json!([id])).await.as_str().unwrap_or_default().parse().ok()
}

/// Waits until the panel is there.
async fn until_loaded(stage: &Stage) {
    eventually("the lab's module is there", || async {
        let there = "return document.querySelector('[data-testid=handshake-run]') !== null";
        (stage.browser.run(there, json!([])).await == json!(true)).then_some(())
    })
    .await;
}

/// Measures in the panel; table and ladder are there afterwards.
async fn measure(stage: &Stage) {
    until_loaded(stage).await;
    stage.press(None, "handshake-run").await;
    eventually("the lab has measured", || async {
        let state = stage.fact("handshake-status").await;
        assert_ne!(state, "refused");
        (state == "done").then_some(())
    })
    .await;
    ladder(stage).await;
}

/// What the ladder consists of, once it is there.
async fn ladder(stage: &Stage) -> Value {
    eventually("the ladder is there", || async {
        let ladder = stage.browser.run(LADDER, json!([])).await;
        (!ladder.is_null()).then_some(ladder)
    })
    .await
}

/// Presses a key where the focus is, as a user would.
async fn type_key(stage: &Stage, key: &str) {
    for kind in ["keyDown", "keyUp"] {
        stage.browser.devtools("Input.dispatchKeyEvent", json!({ "type": kind, "key": key })).await;
    }
}

/// The packet that is explained, and how.
async fn told(stage: &Stage) -> (String, String) {
    let script = "const told = document.querySelector('[data-testid=rung-told]');
        return [told.dataset.value ?? '', told.textContent];";
    let told = stage.browser.run(script, json!([])).await;
    serde_json::from_value(told).expect("two texts")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lab_is_loaded_when_it_is_opened_and_measures_both_stacks() {
    on_stage("handshakes", DESK, "?view=stories", async |stage| {
        stage.until("WebSocket consumes", |facts| facts.consumes("websocket", 100.0)).await;
        assert_eq!(
            stage.browser.run(LOADED, json!([])).await,
            json!([]),
            "nothing of it is in the first load"
        );
        stage.press(None, "view-handshakes").await;
        measure(stage).await;
        let loaded = stage.browser.run(LOADED, json!([])).await;
        assert_eq!(loaded.as_array().map(Vec::len), Some(3), "script, module and style: {loaded}");

        for (probe, secure, first_byte) in [
            ("http2-cold", 2, 3),
            ("http3-cold", 1, 2),
            ("http2-early", 2, 2),
            ("http3-zero-rtt", 1, 1),
            ("http3-large-certificate", 2, 3),
        ] {
            let counts = [
                number(stage, &format!("handshake-{probe}-secure-rtt")).await,
                number(stage, &format!("handshake-{probe}-first-byte-rtt")).await,
            ];
            assert_eq!(counts, [Some(secure), Some(first_byte)], "{probe}");
            let micros = number(stage, &format!("handshake-{probe}-first-byte")).await.expect("a time");
            let at_least = first_byte * 100_000;
            assert!((at_least..at_least + 7_000).contains(&micros), "{probe}: {micros} µs");
        }
        for probe in ["http2-early-post", "http3-zero-rtt-post"] {
            assert_eq!(number(stage, &format!("handshake-{probe}-effects")).await, Some(5), "{probe}");
        }
        for stack in ["tcp", "quic"] {
            let unguarded = number(stage, &format!("replay-{stack}-nothing")).await;
            let guarded = number(stage, &format!("replay-{stack}-single-use")).await;
            assert!(
                unguarded > guarded,
                "{stack}: the exhibit has double effects: {unguarded:?}, {guarded:?}"
            );
        }
        assert!(number(stage, "hostile").await > Some(0), "the honest client got its answers");
        let facts = "return document.querySelectorAll('[data-testid^=fact-]').length";
        assert!(stage.browser.run(facts, json!([])).await.as_u64() >= Some(5), "the table has its lines");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ladder_is_walked_through_by_keys_and_can_be_exported() {
    on_stage("handshake_ladder", DESK, "?view=handshakes", async |stage| {
        measure(stage).await;
        let drawn = ladder(stage).await;
        assert!(drawn["left"].as_u64() >= Some(4) && drawn["right"].as_u64() >= Some(4), "{drawn}");
        assert!(drawn["rungs"].as_u64() >= Some(8), "{drawn}");

        let first = "document.querySelector('[data-testid=ladder] .rung[tabindex=\"0\"]').focus()";
        stage.browser.run(first, json!([])).await;
        let (mut names, mut texts) = (Vec::new(), Vec::new());
        for key in ["Home", "ArrowDown", "ArrowDown", "ArrowUp", "End"] {
            type_key(stage, key).await;
            let (name, text) = told(stage).await;
            let focused = "const rung = document.activeElement; return `${rung.dataset.side}-${rung.dataset.rung}`";
            assert_eq!(stage.browser.run(focused, json!([])).await, json!(name), "{key} moves the focus");
            names.push(name);
            texts.push(text);
        }
        assert_eq!(names[1], names[3], "up leads back: {names:?}");
        names.dedup();
        assert_eq!(names.len(), 5, "each key leads to another packet: {names:?}");
        assert!(texts[0].contains("Packet 1 of ") && texts[0] != texts[1], "{texts:?}");

        let links = "return [...document.querySelectorAll('[data-testid^=export-]')].map(link => link.getAttribute('href'))";
        let links: Vec<String> =
            serde_json::from_value(stage.browser.run(links, json!([])).await).expect("a list of texts");
        assert_eq!(links.len(), 6, "{links:?}");
        for link in &links {
            let answer = http::get(stage.http(), link, &[]).await.expect("the server answers");
            assert_eq!(answer.status, 200, "{link}");
            assert!(answer.header("content-disposition").contains("attachment"), "{link}: {:?}", answer.headers);
            assert!(answer.body.len() > 500, "{link} is nearly empty");
        }

        stage.press(None, "pair-wss").await;
        eventually("the ladder is that of the chosen pair", || async {
            let shown = "return document.querySelector('[data-testid=ladder] svg')?.ariaLabel ?? ''";
            let shown = stage.browser.run(shown, json!([])).await;
            shown.as_str().is_some_and(|label| label.contains("WebSocket")).then_some(())
        })
        .await;
        stage.keep_screenshot("handshakes-desk").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_screen_shows_one_ladder_at_a_time() {
    on_stage("handshakes_hand", HAND, "?view=handshakes", async |stage| {
        stage.resize(HAND.0, HAND.1).await;
        measure(stage).await;
        assert_eq!(ladder(stage).await["right"], json!(0), "one side alone");
        stage.press(None, "ladder-quic").await;
        eventually("the other side is shown", || async {
            let shown = "return document.querySelector('[data-testid=ladder] svg')?.ariaLabel ?? ''";
            let shown = stage.browser.run(shown, json!([])).await;
            shown.as_str().is_some_and(|label| label.contains("HTTP/3")).then_some(())
        })
        .await;
        let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(stage.browser.run(wide, json!([])).await, json!(0), "no sideways scrolling");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_this_browser_take_whole_round_trips_of_its_own_lab() {
    on_stage("handshakes_browser", DESK, "?net=none&net-delay=50&view=this-browser", async |stage| {
        eventually("the page has its emulated network", || async {
            let lab = "return document.querySelector('[data-testid=lab]')?.dataset.value ?? '';";
            (stage.browser.run(lab, json!([])).await != json!("")).then_some(())
        })
        .await;
        stage.press(None, "browser-measure").await;
        eventually("all connections were opened", || async {
            let state = stage.fact("browser-status").await;
            assert_ne!(state, "refused");
            (state == "done").then_some(())
        })
        .await;
        // Without TLS a WebSocket takes TCP's round trip and its own.
        for (kind, trips) in
            [("websocket-cold", 2), ("websocket-warm", 2), ("webtransport-cold", 2), ("webtransport-warm", 2)]
        {
            let micros = number(stage, &format!("browser-{kind}")).await.expect("it was measured");
            assert!(micros >= trips * 100_000, "{kind}: {micros} µs");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_out_of_range_is_refused_with_its_range() {
    on_stage("handshakes_refused", DESK, "?view=handshakes", async |stage| {
        stage.expect_console_errors("/api/handshakes");
        until_loaded(stage).await;
        stage.set(None, "handshake-rtt", "2001").await;
        stage.press(None, "handshake-run").await;
        eventually("the server refuses", || async {
            (stage.fact("handshake-status").await == "refused").then_some(())
        })
        .await;
        let text = "return document.querySelector('[data-testid=handshake-status]').textContent";
        let text = stage.browser.run(text, json!([])).await;
        let says = |part| text.as_str().is_some_and(|text| text.contains(part));
        assert!(says("rtt_ms is 2001") && says("2000 ms"), "{text}");
    })
    .await;
}
