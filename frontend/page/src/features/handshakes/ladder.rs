//! A ladder on the page: the server's picture, walked through by keyboard, and a line that says what time it is where
//! the pointer is.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use crate::features::handshakes::axis::Axis;
use sluice_text::decimal::fixed;

/// A picture in the page.
#[derive(Debug)]
pub(crate) struct LadderView {
    svg: Element,
    /// Its packets on all sides, in the order in which they were sent.
    rungs: Vec<Element>,
    axis: Axis,
    /// Which of them is explained, unless the pointer is at another one.
    current: Option<usize>,
}

/// What is to be said of a packet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Explanation {
    /// The side and the packet's number, for tests.
    pub(crate) name: String,
    /// What the picture says of it.
    pub(crate) text: String,
    /// When it left, µs.
    pub(crate) sent: f64,
}

/// When a packet left, in its element.
const SENT: &str = "data-sent";

impl LadderView {
    /// The picture in `host`, if there is one. One of its packets takes the focus of the Tab key, and gives it to others by
    /// arrow keys.
    pub(crate) fn new(host: &Element) -> Option<Self> {
        let svg = host.query_selector("svg").ok()??;
        let found = svg.query_selector_all(".rung").ok()?;
        let mut rungs: Vec<(f64, Element)> = Vec::new();
        for rung in (0..found.length()).filter_map(|at| found.get(at)?.dyn_into::<Element>().ok()) {
            let sent = number(&rung, SENT);
            // Each side comes in order: this merges them. What was sent at the same time stays in the picture's order.
            rungs.insert(rungs.partition_point(|(earlier, _)| *earlier <= sent), (sent, rung));
        }
        let rungs = rungs.into_iter().map(|(_, rung)| rung).collect();
        let axis = Axis::read(&svg.get_attribute("data-axis").unwrap_or_default());
        let view = Self { svg, rungs, axis, current: None };
        for (at, rung) in view.rungs.iter().enumerate() {
            set(rung, "tabindex", if at == 0 { "0" } else { "-1" });
        }
        Some(view)
    }

    /// How many packets there are.
    pub(crate) const fn rungs(&self) -> usize {
        self.rungs.len()
    }

    /// The packet that a key leads to, which is to be focused; `None` for keys that lead nowhere.
    pub(crate) fn target(&self, key: &str) -> Option<HtmlElement> {
        let last = self.rungs.len().checked_sub(1)?;
        let to = match (key, self.current) {
            ("ArrowDown", None) | ("Home", _) => 0,
            ("ArrowDown", Some(at)) => last.min(at + 1),
            ("ArrowUp", at) => at.unwrap_or(0).saturating_sub(1),
            ("End", _) => last,
            _ => return None,
        };
        // Elements of SVG take the focus as those of HTML do.
        Some(self.rungs[to].clone().unchecked_into())
    }

    /// Takes note of the packet that has the focus, and moves the line to it.
    pub(crate) fn handle_focus(&mut self, rung: &Element) -> Option<Explanation> {
        let at = self.rungs.iter().position(|known| known == rung)?;
        if let Some(before) = self.current.replace(at) {
            set(&self.rungs[before], "tabindex", "-1");
        } else if let Some(first) = self.rungs.first() {
            set(first, "tabindex", "-1");
        }
        set(rung, "tabindex", "0");
        self.move_cursor(number(rung, "data-y"));
        Some(explanation(rung))
    }

    /// What is said of the packet at which the pointer is, or else of the one that has the focus.
    pub(crate) fn explain(&self, pointed: Option<&Element>) -> Option<Explanation> {
        let rung = pointed.or_else(|| self.rungs.get(self.current?))?;
        Some(explanation(rung))
    }

    /// Moves the line to where the pointer is, `client_y` in the window; returns the time there, µs.
    pub(crate) fn point(&self, client_y: f64) -> Option<f64> {
        let shown = self.svg.get_bounding_client_rect();
        let scale = number(&self.svg, "height") / shown.height();
        let height = (client_y - shown.top()) * scale;
        self.move_cursor(height);
        self.axis.micros(height)
    }

    fn move_cursor(&self, height: f64) {
        if let Ok(Some(cursor)) = self.svg.query_selector(".cursor") {
            set(&cursor, "transform", &["translate(0 ", &fixed(height, 1), ")"].concat());
            set(&cursor, "visibility", "visible");
        }
    }
}

fn explanation(rung: &Element) -> Explanation {
    let attribute = |name| rung.get_attribute(name).unwrap_or_default();
    let title = rung.query_selector("title").ok().flatten();
    Explanation {
        name: [attribute("data-side"), attribute("data-rung")].join("-"),
        text: title.and_then(|title| title.text_content()).unwrap_or_default(),
        sent: number(rung, SENT),
    }
}

fn number(element: &Element, attribute: &str) -> f64 {
    let text = element.get_attribute(attribute).unwrap_or_default();
    sluice_text::decimal::parsed(&text).unwrap_or(0.0)
}

fn set(element: &Element, attribute: &str, value: &str) {
    let is_set = element.set_attribute(attribute, value);
    debug_assert!(is_set.is_ok(), "these attributes have names");
}
