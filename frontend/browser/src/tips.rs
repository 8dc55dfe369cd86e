//! Explanations on demand: one tooltip for all elements with the attribute [`ATTRIBUTE`].
//!
//! It opens on hover, on focus by keyboard and on tap, stays while the pointer is on it, and closes on Escape (WCAG
//! 2.2, 1.4.13). While it is open, it describes its element (`aria-describedby`).

use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, Element, Event, HtmlElement, KeyboardEvent, PointerEvent, window};

/// The attribute that holds an element's explanation.
pub const ATTRIBUTE: &str = "data-tip";

/// Element id of the tooltip.
const ID: &str = "tip";
/// Space between the tooltip, its element and the edges of the window, CSS pixels.
const MARGIN: f64 = 6.0;

type EventClosure = Closure<dyn FnMut(Event)>;

/// The page's tooltip. It works until it is dropped.
#[derive(Debug)]
pub struct Tips {
    document: Document,
    listeners: Vec<(&'static str, EventClosure)>,
}

impl Tips {
    /// Adds the tooltip to the page; `None` outside a window.
    pub fn start() -> Option<Self> {
        let document = window()?.document()?;
        let tip = document.create_element("div").ok()?;
        tip.set_id(ID);
        tip.set_attribute("role", "tooltip").ok()?;
        tip.set_attribute("hidden", "").ok()?;
        document.body()?.append_child(&tip).ok()?;
        let mut tips = Self { document, listeners: Vec::new() };
        tips.listen("pointerover", |event| {
            if event.dyn_ref::<PointerEvent>().is_some_and(|event| event.pointer_type() != "touch") {
                show_for(event.target());
            }
        });
        tips.listen("focusin", |event| {
            let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
            if target.as_ref().is_some_and(|target| target.matches(":focus-visible").unwrap_or(false)) {
                show_for(event.target());
            }
        });
        tips.listen("focusout", |_| hide());
        // A tap on a control uses it; a tap on a term explains it.
        tips.listen("click", |event| {
            let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
            let is_term = |target: &Element| {
                target
                    .closest("a, button, input, select, label, summary")
                    .is_ok_and(|control| control.is_none())
            };
            if target.as_ref().is_some_and(is_term) {
                show_for(event.target());
            }
        });
        tips.listen("keydown", |event| {
            if event.dyn_ref::<KeyboardEvent>().is_some_and(|event| event.key() == "Escape") {
                hide();
            }
        });
        tips.listen("scroll", |_| hide());
        Some(tips)
    }

    fn listen(&mut self, name: &'static str, callback: impl FnMut(Event) + 'static) {
        let closure = EventClosure::new(callback);
        // Scroll events do not bubble.
        let listener = closure.as_ref().unchecked_ref();
        let added = self.document.add_event_listener_with_callback_and_bool(name, listener, true);
        debug_assert!(added.is_ok(), "a document takes listeners");
        self.listeners.push((name, closure));
    }
}

impl Drop for Tips {
    fn drop(&mut self) {
        hide();
        for (name, closure) in &self.listeners {
            let listener = closure.as_ref().unchecked_ref();
            let removed = self.document.remove_event_listener_with_callback_and_bool(name, listener, true);
            debug_assert!(removed.is_ok(), "a document gives listeners back");
        }
    }
}

fn tip() -> Option<HtmlElement> {
    window()?.document()?.get_element_by_id(ID)?.dyn_into().ok()
}

/// Shows the explanation of an element or of the nearest one around it that has one; hides the tooltip if there is none.
fn show_for(target: Option<web_sys::EventTarget>) {
    let Some(target) = target.and_then(|target| target.dyn_into::<Element>().ok()) else { return hide() };
    if target.id() == ID {
        return;
    }
    let owner = target.closest(&["[", ATTRIBUTE, "]"].concat()).ok().flatten();
    let text =
        owner.as_ref().and_then(|owner| owner.get_attribute(ATTRIBUTE)).filter(|text| !text.is_empty());
    match owner.zip(text) {
        Some((owner, text)) => {
            let shown = show(&owner, &text);
            debug_assert!(shown.is_ok(), "the tooltip takes attributes");
        }
        None => hide(),
    }
}

fn show(owner: &Element, text: &str) -> Result<(), JsValue> {
    hide();
    let Some(tip) = tip() else { return Ok(()) };
    tip.set_text_content(Some(text));
    tip.remove_attribute("hidden")?;
    owner.set_attribute("aria-describedby", ID)?;
    let size =
        |length: Result<JsValue, JsValue>| length.ok().and_then(|length| length.as_f64()).unwrap_or_default();
    let window = window().ok_or(JsValue::NULL)?;
    let (width, height) = (size(window.inner_width()), size(window.inner_height()));
    let (of, own) = (owner.get_bounding_client_rect(), tip.get_bounding_client_rect());
    let left = of.left().min(width - own.width() - MARGIN).max(MARGIN);
    let below = of.bottom() + MARGIN;
    let top = if below + own.height() > height { of.top() - own.height() - MARGIN } else { below };
    tip.style().set_property("left", &((left as i32).to_string() + "px"))?;
    tip.style().set_property("top", &((top.max(MARGIN) as i32).to_string() + "px"))
}

fn hide() {
    let Some(tip) = tip() else { return };
    if tip.has_attribute("hidden") {
        return;
    }
    let hidden = tip.set_attribute("hidden", "");
    debug_assert!(hidden.is_ok(), "the tooltip takes attributes");
    let described =
        tip.owner_document().and_then(|document| document.query_selector("[aria-describedby=tip]").ok()?);
    if let Some(owner) = described {
        let removed = owner.remove_attribute("aria-describedby");
        debug_assert!(removed.is_ok(), "an element loses an attribute");
    }
}
