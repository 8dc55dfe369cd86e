//! Many pages of one server in one browser.

use sluice_tests::stage::{Facts, on_stage};

use crate::DESK;

/// More than the connections that a browser opens to one server with HTTP/1.1, which all its pages share.
const PAGES: usize = 7;

fn both_consume(facts: &Facts) -> bool {
    ["stream-per-topic", "websocket"].iter().all(|lane| facts.consumes(lane, 100.0))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seventh_page_of_one_browser_works_like_the_first() {
    on_stage("seven_tabs", DESK, "", async |stage| {
        stage.until("both lanes consume", both_consume).await;
        let mut before = Vec::new();
        for number in 2..=PAGES {
            before.push(stage.browser.hide_behind_new_tab().await);
            stage.browser.open(&stage.address("")).await;
            let facts = stage.until(&format!("both lanes of page {number} consume"), both_consume).await;
            // A page whose lab is reported goes through the emulated network.
            for lane in ["stream-per-topic", "websocket"] {
                assert_eq!(facts.text(lane, "path"), "emulated", "page {number}: {facts:#?}");
            }
        }
        // Those behind it are still alive.
        while let Some(page) = before.pop() {
            stage.browser.come_back_to(&page).await;
            let facts = stage.facts().await;
            let goal = facts.count("websocket", "consumed") + 100.0;
            stage.until("a page before goes on", |facts| facts.consumes("websocket", goal)).await;
        }
    })
    .await;
}
