//! Where the labs show themselves.

use std::any::Any;
use std::cell::{Cell, RefCell};

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Document, Element, HtmlElement};

use crate::features::handshakes::view::HandshakesView;
use crate::features::migration;

thread_local! {
    static HAS_STYLE: Cell<bool> = const { Cell::new(false) };
    /// The mounted view: dropping its handle disposes it.
    static MOUNTED: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Shows a panel in `host`, which says in `data-panel` which one, and names the page's own lab in `data-lab`.
pub fn open(host: &Element) {
    let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
    if !HAS_STYLE.replace(true) {
        add_style(&document);
    }
    drop(MOUNTED.take());
    host.set_inner_html("");
    if host.get_attribute("data-panel").as_deref() != Some("migration") {
        return mount_handshakes(host);
    }
    let Some(root) = migration::root(&document) else { return };
    let is_shown = host.append_child(&root);
    debug_assert!(is_shown.is_ok(), "an element takes a child");
}

fn mount_handshakes(host: &Element) {
    let named = host.clone();
    let handle = mount_to(host.clone().unchecked_into::<HtmlElement>(), move || {
        let named = StoredValue::new_local(named);
        // Another program's page keeps the name current: it is read when it is asked for.
        let lab = Signal::derive(move || named.with_value(|named| named.get_attribute("data-lab")));
        view! { <HandshakesView lab/> }
    });
    MOUNTED.set(Some(Box::new(handle)));
}

/// Lets the page load the labs' own style sheet.
fn add_style(document: &Document) {
    let link = document.create_element("link").ok();
    if let (Some(link), Ok(Some(head))) = (link, document.query_selector("head")) {
        for (name, value) in [("rel", "stylesheet"), ("href", "./labs.css")] {
            let is_set = link.set_attribute(name, value);
            debug_assert!(is_set.is_ok(), "these attributes have names");
        }
        let is_added = head.append_child(&link);
        debug_assert!(is_added.is_ok(), "a head takes a child");
    }
}
