//! The wasm module of a lane's worker.

fn main() {
    sluice_frontend::lane::start();
}
