//! The page's own wasm module.

fn main() {
    sluice_frontend::page::start();
}
