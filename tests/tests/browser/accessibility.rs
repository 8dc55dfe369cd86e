//! Rules of WCAG 2.2 AA that a machine can check, by axe-core, in every view and both themes.
//!
//! `AXE_CORE` names axe-core's script; `cargo xtask test` installs it and sets the variable.

use std::{env, fs};

use serde::Deserialize;
use serde_json::json;
use sluice_tests::deadline::must;
use sluice_tests::stage::{Stage, on_stage};

use crate::{DESK, HAND};
use sluice_tests::views::{VIEWS, open_everything, show_view};

/// Checks the page as it is, and calls back with the violations.
const CHECK: &str = r#"
    const done = arguments[arguments.length - 1];
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    axe.run(document, { runOnly: tags, rules: { "target-size": { enabled: true } }, resultTypes: ["violations"] }).then(
        (results) => done(results.violations.map(({ id, help, nodes }) => ({
            rule: `${id}: ${help}`,
            elements: nodes.map((node) => `${node.target.join(" ")} ${node.html.slice(0, 160)} ${node.failureSummary}`),
        }))),
        (error) => done([{ rule: `axe failed: ${error}`, elements: [] }]),
    );
"#;

#[derive(Debug, Deserialize)]
struct Violation {
    rule: String,
    elements: Vec<String>,
}

/// Reads axe-core.
fn axe_script() -> String {
    let path = env::var_os("AXE_CORE").expect(
        "AXE_CORE names no axe-core script: run the tests by `cargo xtask test`, or install the npm package axe-core \
         and name its axe.min.js",
    );
    must(&format!("reading {}", path.display()), fs::read_to_string(&path))
}

async fn violations(stage: &Stage) -> Vec<Violation> {
    must("reading axe's results", serde_json::from_value(stage.browser.run_async(CHECK).await))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_view_violates_a_rule_of_axe() {
    let axe = axe_script();
    on_stage("axe", DESK, "", async |stage| {
        stage
            .until("both lanes consume", |facts| {
                ["stream-per-topic", "websocket"].iter().all(|lane| facts.consumes(lane, 400.0))
            })
            .await;
        stage.browser.run(&axe, json!([])).await;
        let mut found = Vec::new();
        for view in VIEWS {
            show_view(stage, view).await;
            open_everything(stage).await;
            for (width, height) in [DESK, HAND] {
                stage.resize(width, height).await;
                for scheme in ["light", "dark"] {
                    stage.prefer_colours(scheme).await;
                    let broken = violations(stage).await;
                    found.extend(broken.into_iter().map(|violation| {
                        let elements = violation.elements.join("\n    ");
                        format!("{view}, {width} px, {scheme}: {}\n    {elements}", violation.rule)
                    }));
                }
            }
            stage.resize(DESK.0, DESK.1).await;
        }
        assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
    })
    .await;
}
