//! Parts of the page that are plain HTML, written anew when they change.
//!
//! Long tables of text cost the page a tenth of what views cost, and their text is made and tested in the page.

use js_sys::Promise;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Event, HtmlElement};

/// An element and what was written into its parts.
#[derive(Debug)]
pub struct Board {
    root: Element,
    shown: Vec<(&'static str, String)>,
}

impl Board {
    /// Nothing was written yet.
    pub const fn new(root: Element) -> Self {
        Self { root, shown: Vec::new() }
    }

    /// Writes HTML into the part that `selector` finds, unless that holds it already.
    pub fn fill(&mut self, selector: &'static str, html: String) {
        if let Some(part) = self.news(selector, &html) {
            part.set_inner_html(&html);
            self.shown.push((selector, html));
        }
    }

    /// Sets an attribute of the part that `selector` finds.
    pub fn set(&self, selector: &str, attribute: &str, value: &str) {
        if let Ok(Some(part)) = self.root.query_selector(selector) {
            let is_set = part.set_attribute(attribute, value);
            debug_assert!(is_set.is_ok(), "attributes of this page have names");
        }
    }

    /// The part, if something else is to be written into it than it holds.
    fn news(&mut self, selector: &str, html: &str) -> Option<Element> {
        match self.shown.iter().position(|(part, _)| *part == selector) {
            Some(at) if self.shown[at].1 == html => return None,
            Some(at) => drop(self.shown.swap_remove(at)),
            None => {}
        }
        self.root.query_selector(selector).ok().flatten()
    }
}

/// What an event is about: the test id of the nearest element that has one, and an attribute of that element.
pub fn subject(event: &Event, attribute: &str) -> Option<(String, String)> {
    let target: Element = event.target()?.dyn_into().ok()?;
    let named = target.closest("[data-testid]").ok()??;
    Some((named.get_attribute("data-testid")?, named.get_attribute(attribute).unwrap_or_default()))
}

/// Adds a style sheet to the document; the promise is resolved once it applies, and rejected if it cannot be loaded.
///
/// # Errors
/// The document has no head.
pub fn load_stylesheet(href: &str) -> Result<Promise, JsValue> {
    let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::NULL)?;
    let head = document.query_selector("head")?.ok_or(JsValue::NULL)?;
    let link: HtmlElement = document.create_element("link")?.dyn_into()?;
    link.set_attribute("rel", "stylesheet")?;
    link.set_attribute("href", href)?;
    let loaded = Promise::new(&mut |resolve, reject| {
        link.set_onload(Some(&resolve));
        link.set_onerror(Some(&reject));
    });
    head.append_child(&link)?;
    Ok(loaded)
}
