//! Style sheets added to the document.

use js_sys::Promise;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::HtmlElement;

/// Adds a style sheet to the document. The promise resolves once it applies, and rejects if it cannot be
/// loaded.
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
