//! The shared crate from outside: codec, credit, and whole sessions in virtual time.
//!
//! Every test tells the seed of a run that fails; the same seed does the same again, on every platform.

mod changes;
mod codec;
mod credit;
mod datagrams;
mod harness;
mod hostile;
mod modes;
mod replay;
mod resume;
mod waiting;
mod window;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// How many seeds a test runs: all natively, a tenth in a wasm engine.
const fn seeds(native: u64) -> u64 {
    if cfg!(target_arch = "wasm32") { native.div_ceil(10) } else { native }
}
