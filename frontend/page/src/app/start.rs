//! Entry point of the page.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;

use crate::app::layout::Page;
use crate::app::state::App;
use crate::charts::frame_loop::CanvasFrames;
use sluice_browser::window;

/// A window in the background paints nothing; the page starts after this time all the same.
const LONGEST_WAIT_FOR_PAINT: Duration = Duration::from_millis(100);

/// Mounts the page in the document's body, once the browser has painted what the document says by itself.
pub fn start() {
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        window::show_panic(
            "The page has stopped because of a fault in it. Reload it; the set-up is in the address.",
        );
    }));
    let has_started = Rc::new(Cell::new(false));
    let mount_once = move || {
        if !has_started.replace(true) {
            mount();
        }
    };
    // A task queued before a frame runs after that frame has been painted.
    let after_paint = mount_once.clone();
    request_animation_frame(move || set_timeout(after_paint, Duration::ZERO));
    set_timeout(mount_once, LONGEST_WAIT_FOR_PAINT);
}

fn mount() {
    window::remove_element("boot");
    mount_to_body(|| {
        let app = App::start();
        provide_context(app);
        provide_context(CanvasFrames(StoredValue::new_local(app.frames())));
        Page()
    });
}
