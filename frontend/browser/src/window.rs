//! The browser's window: URL, history, capabilities, storage, focus and events.
//!
//! Called throughout the page. Without a window, or if the browser refuses, functions return a default,
//! `false` or an error.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::*;
use web_sys::{Window, window};

use crate::support::Browser;

/// Parts of the page's URL that lanes need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageAddress {
    /// `http:` or `https:`.
    pub protocol: String,
    /// Host without port; IPv6 in brackets.
    pub host: String,
    /// Host with port.
    pub authority: String,
}

/// Returns the parts of the page's URL.
pub fn page_address() -> PageAddress {
    let Some(location) = window().map(|window| window.location()) else { return PageAddress::default() };
    PageAddress {
        protocol: location.protocol().unwrap_or_default(),
        host: location.hostname().unwrap_or_default(),
        authority: location.host().unwrap_or_default(),
    }
}

/// Returns the query of the page's URL, with its question mark.
pub fn query() -> String {
    window().and_then(|window| window.location().search().ok()).unwrap_or_default()
}

/// Replaces the query of the page's URL without adding a history entry. Returns false if the browser refuses,
/// as it does after too many calls.
pub fn replace_query(query: &str) -> bool {
    window()
        .and_then(|window| window.history().ok())
        .is_some_and(|history| history.replace_state_with_url(&JsValue::NULL, "", Some(query)).is_ok())
}

/// Replaces the query of the page's URL and adds a history entry. Returns false if the browser refuses.
pub fn push_query(query: &str) -> bool {
    window()
        .and_then(|window| window.history().ok())
        .is_some_and(|history| history.push_state_with_url(&JsValue::NULL, "", Some(query)).is_ok())
}

/// Scrolls to the top and focuses an element, as after a page load.
pub fn show_from_top(id: &str) {
    let Some(window) = window() else { return };
    window.scroll_to_with_x_and_y(0.0, 0.0);
    let element = window.document().and_then(|document| document.get_element_by_id(id));
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        let focused = element.focus();
        debug_assert!(focused.is_ok(), "an element of the page takes the focus");
    }
}

/// Sets the document's title, which names the tab and the entry in the history.
pub fn set_title(title: &str) {
    if let Some(document) = window().and_then(|window| window.document()) {
        document.set_title(title);
    }
}

/// Scrolls a strip sideways so that the element in it can be seen. Both are CSS selectors.
pub fn scroll_strip_to(strip: &str, element: &str) {
    let find = |selector: &str| {
        let found = window()?.document()?.query_selector(selector).ok()??;
        found.dyn_into::<web_sys::HtmlElement>().ok()
    };
    if let (Some(strip), Some(element)) = (find(strip), find(element)) {
        let middle = element.offset_left() - strip.offset_left() + element.offset_width() / 2;
        strip.set_scroll_left(f64::from(middle - strip.client_width() / 2));
    }
}

/// Returns the page's full URL.
pub fn href() -> String {
    window().and_then(|window| window.location().href().ok()).unwrap_or_default()
}

/// Returns the page's full URL with another query.
pub fn href_with(query: &str) -> String {
    let href = href();
    let base = href.split(['?', '#']).next().unwrap_or_default();
    [base, query].concat()
}

/// Copies text to the clipboard.
///
/// # Errors
/// The browser does not permit it.
pub async fn copy(text: &str) -> Result<(), JsValue> {
    let navigator = window().ok_or(JsValue::NULL)?.navigator();
    // A page from another host over plain http has no clipboard.
    let clipboard =
        js_sys::Reflect::get(&navigator, &"clipboard".into())?.dyn_into::<web_sys::Clipboard>()?;
    wasm_bindgen_futures::JsFuture::from(clipboard.write_text(text)).await.map(drop)
}

/// Returns the capabilities of this browser.
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

/// Returns a random seed of at most six digits, short enough to read aloud.
pub fn random_seed() -> u64 {
    (js_sys::Math::random() * 1e6) as u64
}

/// Returns the value that the page has stored under `key`.
pub fn stored(key: &str) -> Option<String> {
    window()?.local_storage().ok()??.get_item(key).ok()?
}

/// Stores a value under `key`. Returns false if the browser refuses, as in a private window.
pub fn store(key: &str, value: &str) -> bool {
    window()
        .and_then(|window| window.local_storage().ok()?)
        .is_some_and(|storage| storage.set_item(key, value).is_ok())
}

/// Sets or removes an attribute of the document's root, on which styles depend.
pub fn set_root_attribute(name: &str, value: Option<&str>) {
    let Some(root) = window().and_then(|window| window.document()?.document_element()) else { return };
    let done = match value {
        Some(value) => root.set_attribute(name, value),
        None => root.remove_attribute(name),
    };
    debug_assert!(done.is_ok(), "the attribute's name is valid");
}

/// Removes an element of the initial document.
pub fn remove_element(id: &str) {
    if let Some(element) = window().and_then(|window| window.document()?.get_element_by_id(id)) {
        element.remove();
    }
}

/// Moves the focus to an element of the document, if it exists.
pub fn focus_element(id: &str) {
    let element = window().and_then(|window| window.document()?.get_element_by_id(id));
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        let focused = element.focus();
        debug_assert!(focused.is_ok(), "an element on the page takes the focus");
    }
}

/// Returns whether a media query currently matches.
pub fn media_matches(query: &str) -> bool {
    window().and_then(|window| window.match_media(query).ok()?).is_some_and(|list| list.matches())
}

/// Calls `callback` for each event of the window, until the returned listener is dropped.
pub fn on_window_event(name: &'static str, callback: impl FnMut() + 'static) -> Listener {
    Listener::new(window().map(Window::into), name, callback)
}

/// Calls `callback` when a media query starts or stops matching, until the returned listener is dropped.
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

/// Shows `text` as an alert above the page after a panic.
pub fn show_panic(text: &str) {
    let Some(document) = window().and_then(|window| window.document()) else { return };
    let (Some(body), Ok(note)) = (document.body(), document.create_element("div")) else { return };
    note.set_class_name("panic");
    note.set_text_content(Some(text));
    // Failures are ignored: nothing else can be done, and the panic itself is on the console.
    drop(note.set_attribute("role", "alert"));
    drop(body.prepend_with_node_1(&note));
}
