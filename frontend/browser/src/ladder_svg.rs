//! The server's ladder diagram in the document.
//!
//! The server draws packets as `.rung` groups and writes their times and heights into `data-` attributes of
//! the SVG. These are read once when the picture is drawn; from then on the page's own signals hold all
//! state, and this module only moves the tab stop, the focus and the time cursor.

use std::rc::Rc;

use sluice_text::decimal::{fixed, parsed};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlElement, MouseEvent};

use crate::trusted_svg::TrustedSvg;

/// A ladder diagram in the document.
#[derive(Clone, Debug)]
pub struct LadderSvg {
    svg: Element,
    /// Elements of the packets, in the order of [`Drawing::rungs`].
    rungs: Rc<[Element]>,
    /// Height in the picture's own units.
    height: f64,
}

/// A drawn diagram and its data.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// The diagram.
    pub picture: LadderSvg,
    /// Packets of all sides, in the order in which they were sent.
    pub rungs: Vec<Rung>,
    /// Time axis: pairs of `µs:height`.
    pub axis: String,
}

/// A packet of a diagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Rung {
    /// Side and number on that side, such as `left-3`.
    pub name: String,
    /// Time at which it was sent, µs.
    pub sent_micros: f64,
    /// Height at which it begins.
    pub height: f64,
    /// Description of its content, in lines.
    pub explanation: String,
}

impl LadderSvg {
    /// Draws a diagram in `host`, replacing the content; `None` if `svg` is not a ladder.
    pub fn draw(host: &Element, svg: &TrustedSvg) -> Option<Drawing> {
        host.set_inner_html(svg.markup());
        let svg = host.query_selector("svg").ok()??;
        let found = svg.query_selector_all(".rung").ok()?;
        let mut rungs: Vec<(Rung, Element)> = Vec::new();
        for element in (0..found.length()).filter_map(|at| found.get(at)?.dyn_into::<Element>().ok()) {
            let rung = Rung::read(&element)?;
            // Each side is sorted, and this merges them. Packets sent at the same time keep the picture's
            // order.
            let at = rungs.partition_point(|(earlier, _)| earlier.sent_micros <= rung.sent_micros);
            rungs.insert(at, (rung, element));
        }
        let (rungs, elements): (Vec<_>, Vec<_>) = rungs.into_iter().unzip();
        let axis = svg.get_attribute("data-axis")?;
        let height = number(&svg, "height")?;
        Some(Drawing { picture: Self { svg, rungs: elements.into(), height }, rungs, axis })
    }

    /// Returns the index of the packet that is the event's target.
    pub fn rung_of(&self, event: &Event) -> Option<usize> {
        let target: Element = event.target()?.dyn_into().ok()?;
        let rung = target.closest(".rung").ok()??;
        self.rungs.iter().position(|known| *known == rung)
    }

    /// Makes one packet the tab stop of the picture.
    pub fn set_tab_stop(&self, stop: usize) {
        for (at, rung) in self.rungs.iter().enumerate() {
            set(rung, "tabindex", if at == stop { "0" } else { "-1" });
        }
    }

    /// Moves the focus to a packet.
    pub fn focus(&self, at: usize) {
        if let Some(rung) = self.rungs.get(at) {
            // SVG elements take the focus like HTML elements; a removed element does not.
            rung.unchecked_ref::<HtmlElement>().focus().ok();
        }
    }

    /// Returns the pointer's height in the picture's own units; `None` while the picture is not rendered.
    pub fn height_at(&self, event: &MouseEvent) -> Option<f64> {
        let shown = self.svg.get_bounding_client_rect();
        let is_rendered = shown.height() > 0.0;
        is_rendered.then(|| (event.client_y() - shown.top()) * self.height / shown.height())
    }

    /// Moves the time cursor to a height, or hides it.
    pub fn move_cursor(&self, height: Option<f64>) {
        let Ok(Some(cursor)) = self.svg.query_selector(".cursor") else { return };
        match height {
            Some(height) => {
                set(&cursor, "transform", &["translate(0 ", &fixed(height, 1), ")"].concat());
                set(&cursor, "visibility", "visible");
            }
            None => set(&cursor, "visibility", "hidden"),
        }
    }
}

impl Rung {
    fn read(element: &Element) -> Option<Self> {
        let side = element.get_attribute("data-side")?;
        let number_of_side = element.get_attribute("data-rung")?;
        let title = element.query_selector("title").ok()??;
        Some(Self {
            name: [side, number_of_side].join("-"),
            sent_micros: number(element, "data-sent")?,
            height: number(element, "data-y")?,
            explanation: title.text_content().unwrap_or_default(),
        })
    }
}

/// Returns whether `element` or one of its descendants has the focus.
pub fn contains_focus(element: &Element) -> bool {
    let active = element.owner_document().and_then(|document| document.active_element());
    active.is_some_and(|active| element.contains(Some(&active)))
}

fn number(element: &Element, attribute: &str) -> Option<f64> {
    parsed(&element.get_attribute(attribute)?)
}

fn set(element: &Element, attribute: &str, value: &str) {
    let is_set = element.set_attribute(attribute, value);
    debug_assert!(is_set.is_ok(), "these attributes have names");
}
