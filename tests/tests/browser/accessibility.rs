//! Rules of WCAG 2.2 AA that a machine can check, by axe-core, in every view and both themes.
//!
//! `AXE_CORE` names axe-core's script; `cargo xtask test` installs it and sets the variable.

use std::{env, fs};

use serde::Deserialize;
use serde_json::json;
use sluice_tests::deadline::eventually;
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

/// Explanations that a keyboard or a finger cannot reach: `title` attributes, and tips of elements without focus.
const UNREACHABLE: &str = r#"
    const focusable = "a[href], button, input, select, textarea, summary, [tabindex='0']";
    const isReachable = (each) => each.matches(focusable) || each.querySelector(focusable) !== null;
    return [...document.querySelectorAll("[title], [data-tip]")]
        .filter((each) => each.hasAttribute("title") || !isReachable(each))
        .map((each) => each.outerHTML.slice(0, 160));
"#;

/// The text of the tooltip, if one is shown, and whether it describes the element with the focus.
const TIP: &str = r#"
    const tip = document.getElementById("tip");
    return [tip.hidden ? "" : tip.innerText, document.activeElement.getAttribute("aria-describedby") === "tip"];
"#;

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
            let unreachable = stage.browser.run(UNREACHABLE, json!([])).await;
            assert_eq!(unreachable, json!([]), "explanations that cannot be reached in {view}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_story_violates_no_rule_of_axe_and_explains_its_terms_by_keyboard() {
    let axe = axe_script();
    on_stage("axe_story", DESK, "?story=train&step=4", async |stage| {
        eventually("the step is shown", || async {
            let shown = stage.browser.run("return document.querySelector('.term') !== null", json!([])).await;
            (shown == json!(true)).then_some(())
        })
        .await;
        stage.browser.run(&axe, json!([])).await;
        for (width, height) in [DESK, HAND] {
            stage.resize(width, height).await;
            for scheme in ["light", "dark"] {
                stage.prefer_colours(scheme).await;
                let found: Vec<_> =
                    violations(stage).await.into_iter().map(|each| (each.rule, each.elements)).collect();
                assert!(found.is_empty(), "{width} px, {scheme}: {found:#?}");
            }
        }
        let tab = json!({ "type": "keyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9 });
        let tip = eventually("the keyboard has reached a term", || async {
            stage.browser.devtools("Input.dispatchKeyEvent", tab.clone()).await;
            let reached = stage.browser.run("return document.activeElement.matches('.term')", json!([])).await;
            (reached == json!(true)).then_some(())?;
            Some(stage.browser.run(TIP, json!([])).await)
        })
        .await;
        assert!(tip[0].as_str().is_some_and(|text| text.contains("RFC")) && tip[1] == json!(true), "{tip}");
        let escape = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))";
        stage.browser.run(escape, json!([])).await;
        assert_eq!(stage.browser.run(TIP, json!([])).await, json!(["", false]), "Escape closes the tooltip");
    })
    .await;
}
