//! The one wasm module: the page in a window, a lane in a worker.

fn main() {
    if web_sys::window().is_some() {
        sluice_frontend::page::start();
    } else {
        sluice_frontend::lane::start();
    }
}
