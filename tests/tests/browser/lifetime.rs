//! Hidden, reloaded, and with a server that goes and comes back.

use sluice_tests::deadline::eventually;
use sluice_tests::metrics::Metrics;
use sluice_tests::process::ServerProcess;
use sluice_tests::stage::{Facts, on_stage};
use sluice_tests::target::Target;

use crate::DESK;

const LANES: [&str; 2] = ["stream-per-topic", "websocket"];

fn both_consume(messages: f64) -> impl Fn(&Facts) -> bool {
    move |facts| LANES.iter().all(|lane| facts.consumes(lane, messages))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_page_goes_on_consuming() {
    on_stage("hidden", DESK, "", async |stage| {
        stage.until("both lanes consume", both_consume(400.0)).await;
        let sent = async |stage: &sluice_tests::stage::Stage| {
            Metrics::of(stage.http()).await.sum("sluice_messages_sent_total", &[])
        };
        let before = stage.facts().await;
        let page = stage.browser.hide_behind_new_tab().await;
        let at_first = sent(stage).await;
        // Credit follows consumption, so what the server has sent tells what the hidden page has consumed.
        eventually("the hidden page has consumed 4,000 messages", || async {
            (sent(stage).await > at_first + 4_000.0).then_some(())
        })
        .await;
        stage.browser.come_back_to(&page).await;
        let goal = LANES.map(|lane| before.count(lane, "consumed") + 1_500.0);
        let facts = stage
            .until("the page shows what it consumed while it was hidden", |facts| {
                LANES.iter().zip(goal).all(|(lane, goal)| facts.consumes(lane, goal))
            })
            .await;
        for lane in LANES {
            assert!(facts.count(lane, "hop-inbox") <= facts.count(lane, "credit-window"), "{facts:#?}");
            assert!(facts.count(lane, "hop-backlog") < 1_000.0, "{facts:#?}");
            assert_eq!(facts.count(lane, "lost") + facts.count(lane, "gaps"), 0.0, "{facts:#?}");
            assert_eq!(facts.count(lane, "reconnects"), 0.0, "{facts:#?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_the_set_up() {
    on_stage("reload", DESK, "", async |stage| {
        stage.until("both lanes consume", both_consume(200.0)).await;
        stage.set(Some("websocket"), "consumer-delay", "3").await;
        stage.set(Some("websocket"), "policy", "latest").await;
        stage.press(None, "add-lane-datagrams").await;
        stage.until("three lanes", |facts| facts.consumes("datagrams", 100.0)).await;
        eventually("the address holds the set-up", || async {
            let address = stage.shown_address().await;
            let holds = |part: &str| address.contains(part);
            (holds("sleep:3ms") && holds("policy:latest") && holds("lane=datagrams")).then_some(())
        })
        .await;
        stage.browser.reload().await;
        let lanes = ["datagrams", "stream-per-topic", "websocket"];
        let facts = stage
            .until("all lanes consume again", |facts| lanes.iter().all(|lane| facts.consumes(lane, 100.0)))
            .await;
        assert_eq!(facts.lanes(), lanes);
        assert_eq!(facts.text("websocket", "consumer-delay"), "3", "{facts:#?}");
        assert_eq!(facts.text("websocket", "policy"), "latest", "{facts:#?}");
        assert_eq!(facts.text("stream-per-topic", "policy"), "lossless", "{facts:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_come_back_when_the_server_does() {
    on_stage("server_restart", DESK, "", async |stage| {
        // While there is no server, the browser itself writes each failed connection to the console.
        stage.expect_console_errors("net::ERR_");
        stage.expect_console_errors("WebSocket connection to");
        stage.expect_console_errors("Failed to load resource");
        stage.until("both lanes consume", both_consume(400.0)).await;
        // At the same addresses: a page may connect to no others than it came with.
        let target = Target::of(stage.http()).await.expect("the server tells where it is");
        let quic = target.quic.expect("the server has WebTransport");
        stage.server.kill().await;
        stage
            .until("both lanes notice", |facts| LANES.iter().all(|lane| facts.text(lane, "state") != "open"))
            .await;
        stage.server = ServerProcess::start_at(target.http, quic).await;
        let facts = stage
            .until("both lanes are back", |facts| {
                LANES
                    .iter()
                    .all(|lane| facts.text(lane, "state") == "open" && facts.count(lane, "reconnects") >= 1.0)
            })
            .await;
        let before = LANES.map(|lane| facts.count(lane, "consumed"));
        let facts = stage
            .until("both lanes consume", |facts| {
                LANES.iter().zip(before).all(|(lane, before)| facts.consumes(lane, before + 400.0))
            })
            .await;
        assert!(LANES.iter().all(|lane| facts.count(lane, "lost") == 0.0), "{facts:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_say_so_when_the_server_stops() {
    on_stage("stopped_politely", DESK, "", async |stage| {
        stage.expect_console_errors("net::ERR_");
        stage.expect_console_errors("WebSocket connection to");
        stage.expect_console_errors("Failed to load resource");
        stage.until("both lanes consume", both_consume(200.0)).await;
        stage.server.interrupt();
        let status = stage.server.until_ended(std::time::Duration::from_secs(3)).await;
        assert_eq!(status.code(), Some(0));
        stage
            .until("both lanes say that the server has gone", |facts| {
                LANES.iter().all(|lane| facts.text(lane, "state") == "waiting")
            })
            .await;
    })
    .await;
}
