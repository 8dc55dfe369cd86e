//! The main wasm module: runs the page in a window and a lane in a worker.

fn main() {
    if web_sys::window().is_some() {
        sluice_page::app::start::start();
    } else {
        sluice_lane::start();
    }
}
