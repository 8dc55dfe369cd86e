//! The window around the page: its address, what it offers, and what it remembers.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::*;
use web_sys::{Window, window};

use crate::support::Browser;

/// The page's address, as far as lanes need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageAddress {
    /// `http:` or `https:`.
    pub protocol: String,
    /// Host without port; IPv6 in brackets.
    pub host: String,
    /// Host with port.
    pub authority: String,
}

/// Reads the page's address.
pub fn page_address() -> PageAddress {
    let Some(location) = window().map(|window| window.location()) else { return PageAddress::default() };
    PageAddress {
        protocol: location.protocol().unwrap_or_default(),
        host: location.hostname().unwrap_or_default(),
        authority: location.host().unwrap_or_default(),
    }
}

/// The query of the page's address, with its question mark.
pub fn query() -> String {
    window().and_then(|window| window.location().search().ok()).unwrap_or_default()
}

/// Puts another query into the page's address, without a step in the history. Whether it worked: browsers refuse
/// this when it is done too often.
pub fn replace_query(query: &str) -> bool {
    window()
        .and_then(|window| window.history().ok())
        .is_some_and(|history| history.replace_state_with_url(&JsValue::NULL, "", Some(query)).is_ok())
}

/// Goes to another query as a step in the history. Returns false when the browser refuses.
pub fn push_query(query: &str) -> bool {
    window()
        .and_then(|window| window.history().ok())
        .is_some_and(|history| history.push_state_with_url(&JsValue::NULL, "", Some(query)).is_ok())
}

/// Scrolls to the top and gives an element the focus, as after the load of another page.
pub fn show_from_top(id: &str) {
    let Some(window) = window() else { return };
    window.scroll_to_with_x_and_y(0.0, 0.0);
    let element = window.document().and_then(|document| document.get_element_by_id(id));
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        let focused = element.focus();
        debug_assert!(focused.is_ok(), "an element of the page takes the focus");
    }
}

/// The page's whole address.
pub fn href() -> String {
    window().and_then(|window| window.location().href().ok()).unwrap_or_default()
}

/// The page's whole address with another query.
pub fn href_with(query: &str) -> String {
    let href = href();
    let base = href.split(['?', '#']).next().unwrap_or_default();
    [base, query].concat()
}

/// Puts text on the clipboard.
///
/// # Errors
/// The browser does not let the page do so.
pub async fn copy(text: &str) -> Result<(), JsValue> {
    let navigator = window().ok_or(JsValue::NULL)?.navigator();
    // A page that came over plain http from another host has no clipboard at all.
    let clipboard =
        js_sys::Reflect::get(&navigator, &"clipboard".into())?.dyn_into::<web_sys::Clipboard>()?;
    wasm_bindgen_futures::JsFuture::from(clipboard.write_text(text)).await.map(drop)
}

/// Asks what this browser offers.
pub fn capabilities() -> Browser {
    let Some(window) = window() else {
        return Browser { secure_context: false, web_transport: false, web_socket_stream: false };
    };
    let has = |name: &str| js_sys::Reflect::has(&window, &name.into()).unwrap_or(false);
    Browser {
        secure_context: window.is_secure_context(),
        web_transport: has("WebTransport"),
        web_socket_stream: has("WebSocketStream"),
    }
}

/// A seed that people can read out: up to six digits.
pub fn random_seed() -> u64 {
    (js_sys::Math::random() * 1e6) as u64
}

/// Reads what the page has stored under `key`.
pub fn stored(key: &str) -> Option<String> {
    window()?.local_storage().ok()??.get_item(key).ok()?
}

/// Stores a value under `key`. Whether it worked: private windows may refuse.
pub fn store(key: &str, value: &str) -> bool {
    window()
        .and_then(|window| window.local_storage().ok()?)
        .is_some_and(|storage| storage.set_item(key, value).is_ok())
}

/// Sets or removes an attribute of the document's root, which styles depend on.
pub fn set_root_attribute(name: &str, value: Option<&str>) {
    let Some(root) = window().and_then(|window| window.document()?.document_element()) else { return };
    let done = match value {
        Some(value) => root.set_attribute(name, value),
        None => root.remove_attribute(name),
    };
    debug_assert!(done.is_ok(), "the attribute's name is valid");
}

/// Removes an element of the document that came with the page.
pub fn remove_element(id: &str) {
    if let Some(element) = window().and_then(|window| window.document()?.get_element_by_id(id)) {
        element.remove();
    }
}

/// Moves the focus to an element of the document, if it is there.
pub fn focus_element(id: &str) {
    let element = window().and_then(|window| window.document()?.get_element_by_id(id));
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        let focused = element.focus();
        debug_assert!(focused.is_ok(), "an element on the page takes the focus");
    }
}

/// Whether a media query matches now.
pub fn media_matches(query: &str) -> bool {
    window().and_then(|window| window.match_media(query).ok()?).is_some_and(|list| list.matches())
}

/// Calls `callback` for each event of the window, until the returned listener is dropped.
pub fn on_window_event(name: &'static str, callback: impl FnMut() + 'static) -> Listener {
    Listener::new(window().map(Window::into), name, callback)
}

/// Calls `callback` when a media query begins or ceases to match, until the returned listener is dropped.
pub fn on_media_change(query: &str, callback: impl FnMut() + 'static) -> Listener {
    let list = window().and_then(|window| window.match_media(query).ok()?);
    Listener::new(list.map(Into::into), "change", callback)
}

/// An event listener that is removed when dropped.
#[derive(Debug)]
pub struct Listener {
    target: Option<web_sys::EventTarget>,
    name: &'static str,
    closure: Closure<dyn FnMut()>,
}

impl Listener {
    fn new(
        target: Option<web_sys::EventTarget>,
        name: &'static str,
        callback: impl FnMut() + 'static,
    ) -> Self {
        let closure = Closure::<dyn FnMut()>::new(callback);
        if let Some(target) = &target {
            let added = target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
            debug_assert!(added.is_ok(), "an event target takes listeners");
        }
        Self { target, name, closure }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(target) = &self.target {
            let removed =
                target.remove_event_listener_with_callback(self.name, self.closure.as_ref().unchecked_ref());
            debug_assert!(removed.is_ok(), "an event target gives listeners back");
        }
    }
}

/// Makes a panic visible: a note above the page that says what happened and what to do.
pub fn show_panic(text: &str) {
    let Some(document) = window().and_then(|window| window.document()) else { return };
    let (Some(body), Ok(note)) = (document.body(), document.create_element("div")) else { return };
    note.set_class_name("panic");
    note.set_text_content(Some(text));
    // There is nobody left to tell when even this fails; the panic itself is on the console.
    drop(note.set_attribute("role", "alert"));
    drop(body.prepend_with_node_1(&note));
}
