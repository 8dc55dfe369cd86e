//! The credit law and progress, against a reference model.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::choices::Choices;
use crate::harness::credit::{CreditWorld, credit_ops};
use crate::seeds;

/// Operations in one world, before another begins with another window.
const OPERATIONS_EACH: u64 = 5_000;

/// A million operations; `SLUICE_CREDIT_OPS` sets another number, 10,000,000 each night.
#[test]
fn credit_is_never_overspent_and_never_stands_still() {
    let wanted = std::env::var("SLUICE_CREDIT_OPS").ok();
    let operations = match wanted {
        Some(text) => text.parse().expect("SLUICE_CREDIT_OPS is a number"),
        None if cfg!(target_arch = "wasm32") => 50_000,
        None => 1_000_000,
    };
    let mut done = 0u64;
    for seed in 0.. {
        if done >= operations {
            break;
        }
        let mut choices = Choices::seeded(seed);
        let mut world = CreditWorld::new(&mut choices);
        for _ in 0..OPERATIONS_EACH.min(operations - done) {
            world.step(&mut choices);
            done += 1;
        }
    }
    eprintln!("{done} operations, 0 violations");
}

#[test]
fn short_scripts_of_operations_keep_the_law() {
    let mut choices = Choices::seeded(1);
    for _ in 0..seeds(2_000) {
        let script: Vec<u8> =
            (0..choices.below(200)).map(|_| u8::try_from(choices.below(256)).expect("a byte")).collect();
        credit_ops(&script);
    }
}
