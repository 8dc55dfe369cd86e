//! Entry point of the page.

use leptos::prelude::*;

use crate::app::layout::Page;
use crate::app::state::App;
use crate::charts::frame_loop::CanvasFrames;
use sluice_browser::window;

/// Mounts the page in the document's body.
pub fn start() {
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        window::show_panic(
            "The page has stopped because of a fault in it. Reload it; the set-up is in the address.",
        );
    }));
    window::remove_element("boot");
    mount_to_body(|| {
        let app = App::start();
        provide_context(app);
        provide_context(CanvasFrames(StoredValue::new_local(app.frames())));
        Page()
    });
}
