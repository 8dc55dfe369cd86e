//! The shared crate from outside: codec, credit, and whole sessions in virtual time.
//!
//! Every test tells the seed of a run that fails; the same seed does the same again, on every platform.

mod certificates;
mod changes;
mod codec;
mod credit;
mod datagrams;
mod exhibits;
mod fragments;
mod harness;
mod heartbeat;
mod hostile;
mod modes;
mod replay;
mod resume;
mod scripted;
mod start_over;
mod waiting;
// Tens of thousands of messages each: what they measure is the same on every platform.
#[cfg(not(target_arch = "wasm32"))]
mod window;

/// How many seeds a test runs: `usual` natively, a fortieth in a wasm engine; `SLUICE_SEEDS` multiplies it for a long run.
fn seeds(usual: u64) -> u64 {
    let factor =
        std::env::var("SLUICE_SEEDS").map_or(1, |text| text.parse().expect("SLUICE_SEEDS is a number"));
    factor * if cfg!(target_arch = "wasm32") { usual.div_ceil(40) } else { usual }
}
