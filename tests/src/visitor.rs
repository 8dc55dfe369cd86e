//! A visitor with a mouse: uses controls by accessible role and name, and only where they are in sight.
//!
//! [`Stage::press`] reaches any control by its test id, wherever it is. A [`Visitor`] finds controls in Chromium's
//! accessibility tree, fails if one is outside the window or covered, and clicks with real mouse events. Errands that
//! a first-time visitor has to manage without scrolling are tested through it.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::deadline::{eventually, must};
use crate::stage::Stage;

/// Describes where an element is, and whether a click at its centre reaches it.
const PLACEMENT: &str = r#"function () {
    const box = this.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const hit = document.elementFromPoint(x, y);
    return {
        x, y,
        isInWindow: box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth,
        isUncovered: hit !== null && (this === hit || this.contains(hit) || hit.contains(this)),
        box: [box.left, box.top, box.right, box.bottom].map(Math.round).join(" "),
        isDisabled: this.matches(":disabled"),
    };
}"#;

/// Sets a select as a visitor does who picks an entry of its list, by the entry's text.
const PICK: &str = r#"function (text) {
    const entry = [...this.options].find((each) => each.text.trim() === text);
    if (!entry) return false;
    this.value = entry.value;
    this.dispatchEvent(new Event("input", { bubbles: true }));
    this.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
}"#;

/// Somebody in front of the page.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    stage: &'a Stage,
}

/// A control in sight.
#[derive(Debug)]
struct Control {
    object: String,
    x: f64,
    y: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Placement {
    x: f64,
    y: f64,
    is_in_window: bool,
    is_uncovered: bool,
    is_disabled: bool,
    r#box: String,
}

impl<'a> Visitor<'a> {
    /// A visitor of the page on `stage`.
    pub const fn new(stage: &'a Stage) -> Self {
        Self { stage }
    }

    /// Clicks the control with a role and a name.
    ///
    /// # Panics
    /// There is no such control, or it is not in sight.
    pub async fn click(self, role: &str, name: &str) {
        let control = self.control(role, name).await;
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({
                "type": kind, "x": control.x, "y": control.y, "button": button, "buttons": buttons, "clickCount": 1,
            });
            self.stage.browser.devtools("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Picks the entry `text` of the select with a name.
    ///
    /// # Panics
    /// There is no such select or entry, or the select is not in sight.
    pub async fn pick(self, name: &str, text: &str) {
        let control = self.control("combobox", name).await;
        let picked = self.call(&control.object, PICK, json!([{ "value": text }])).await;
        assert_eq!(picked, json!(true), "{name} has no entry {text}");
    }

    /// Focuses the slider with a name and presses a key on it `times` times.
    ///
    /// # Panics
    /// There is no such slider, or it is not in sight.
    pub async fn slide(self, name: &str, key: &str, times: usize) {
        let control = self.control("slider", name).await;
        self.call(&control.object, "function () { this.focus(); }", json!([])).await;
        let code = match key {
            "ArrowRight" => 39,
            "ArrowLeft" => 37,
            _ => panic!("no code is known for the key {key}"),
        };
        for _ in 0..times {
            for kind in ["rawKeyDown", "keyUp"] {
                let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
                self.stage.browser.devtools("Input.dispatchKeyEvent", event).await;
            }
        }
    }

    /// Returns the control with a role and a name as soon as there is one.
    async fn control(self, role: &str, name: &str) -> Control {
        let object = eventually(&format!("there is a {role} “{name}”"), || self.find(role, name)).await;
        let placement = self.call(&object, PLACEMENT, json!([])).await;
        let placement: Placement = must("reading a control's place", serde_json::from_value(placement));
        assert!(placement.is_in_window, "one has to scroll to see the {role} “{name}”: {}", placement.r#box);
        assert!(placement.is_uncovered, "the {role} “{name}” is covered: {}", placement.r#box);
        assert!(!placement.is_disabled, "the {role} “{name}” is disabled");
        Control { object, x: placement.x, y: placement.y }
    }

    /// Returns the one object with a role and a name; names may go on, as those of buttons with an explanation do.
    async fn find(self, role: &str, name: &str) -> Option<String> {
        let document = self.stage.browser.devtools("DOM.getDocument", json!({ "depth": 0 })).await;
        let query = json!({ "nodeId": document["root"]["nodeId"], "role": role });
        let answer = self.stage.browser.devtools("Accessibility.queryAXTree", query).await;
        let nodes: Vec<&Value> =
            answer["nodes"].as_array().map(|all| all.iter().collect()).unwrap_or_default();
        let named = |fits: &dyn Fn(&str) -> bool| -> Vec<&Value> {
            let is_named = |node: &&&Value| {
                node["ignored"] != json!(true) && fits(node["name"]["value"].as_str().unwrap_or_default())
            };
            nodes.iter().filter(is_named).copied().collect()
        };
        let mut found = named(&|text| text == name);
        if found.is_empty() {
            found = named(&|text| text.starts_with(name));
        }
        assert!(found.len() <= 1, "{} controls are a {role} “{name}”", found.len());
        let node = json!({ "backendNodeId": found.first()?["backendDOMNodeId"] });
        let resolved = self.stage.browser.devtools("DOM.resolveNode", node).await;
        resolved["object"]["objectId"].as_str().map(str::to_owned)
    }

    /// Calls a JavaScript function on an object and returns what it returns.
    async fn call(self, object: &str, function: &str, arguments: Value) -> Value {
        let call = json!({
            "objectId": object, "functionDeclaration": function, "arguments": arguments, "returnByValue": true,
        });
        let mut answer = self.stage.browser.devtools("Runtime.callFunctionOn", call).await;
        assert!(answer["exceptionDetails"].is_null(), "{}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }
}
