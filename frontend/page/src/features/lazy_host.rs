//! Where the labs show themselves.

use std::cell::Cell;

use web_sys::{Document, Element};

use crate::features::handshakes::panel;
use crate::features::migration;

thread_local! {
    static HAS_STYLE: Cell<bool> = const { Cell::new(false) };
}

/// Shows a panel in `host`, which says in `data-panel` which one, and names the page's own lab in `data-lab`.
pub fn open(host: &Element) {
    let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
    if !HAS_STYLE.replace(true) {
        add_style(&document);
    }
    let root = match host.get_attribute("data-panel").as_deref() {
        Some("migration") => migration::root(&document),
        Some(_) | None => panel::root(&document),
    };
    let Some(root) = root else { return };
    host.set_inner_html("");
    let is_shown = host.append_child(&root);
    debug_assert!(is_shown.is_ok(), "an element takes a child");
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
