//! The views of the page.

use crate::deadline::eventually;
use crate::stage::Stage;
use serde_json::json;

/// Every view, by its name in addresses.
pub const VIEWS: [&str; 13] = [
    "stories",
    "lab",
    "compare",
    "trace",
    "policies",
    "continuity",
    "inbound",
    "frames",
    "handshakes",
    "migration",
    "this-browser",
    "log",
    "glossary",
];

/// Whether a view is shown with its content, which may have to be loaded, or measured in a run of milliseconds.
const IS_THERE: &str = r#"
    const main = document.querySelector("main");
    const isLoading = [...main.querySelectorAll("[role=status]")].some((each) => each.innerText === "Loading…");
    const isMeasured = arguments[0] !== "handshakes"
        || main.querySelector('[data-testid="handshake-status"]')?.dataset.value === "done";
    return main.dataset.view === arguments[0] && !isLoading && isMeasured;
"#;

const OPEN_EVERYTHING: &str = r#"
    document.querySelectorAll('[data-testid="lane-details"][aria-expanded="false"]').forEach((each) => each.click());
    document.querySelectorAll("details").forEach((each) => { each.open = true; });
"#;

/// Opens a view by the navigation and waits until it is there.
pub async fn show_view(stage: &Stage, view: &str) {
    stage.press(None, &format!("view-{view}")).await;
    eventually(&format!("the view {view} is there"), || async {
        (stage.browser.run(IS_THERE, json!([view])).await == json!(true)).then_some(())
    })
    .await;
}

/// Opens the details of all lanes, and all disclosures.
pub async fn open_everything(stage: &Stage) {
    stage.browser.run(OPEN_EVERYTHING, json!([])).await;
}
