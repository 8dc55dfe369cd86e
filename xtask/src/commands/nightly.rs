//! `cargo xtask nightly`: what takes too long for every change.

use crate::commands::{fuzz, lighthouse};
use crate::failure::Result;
use crate::process;
use crate::progress::Steps;
use crate::server;
use crate::workspace::Workspace;

/// Random operations on the credit model.
const CREDIT_OPERATIONS: &str = "10000000";
/// Connections that come and go through the relay.
const RELAY_CYCLES: &str = "10000";
/// Addresses that clients get in each test of migration.
const REBINDS: &str = "10000";
/// How many times as many seeds as usual each simulated session runs with.
const SEEDS: &str = "10";

/// Runs the core's tests at length, optimised, scores the page, then runs each fuzz target for `fuzz_seconds`.
pub(crate) fn nightly(workspace: &Workspace, fuzz_seconds: u32) -> Result<()> {
    let mut steps = Steps::new(3);
    let what = "ten million credit operations, sessions of ten times the seeds";
    steps.step(what, || {
        let mut cargo = process::cargo(workspace);
        cargo
            .args(["test", "--release", "--package", "sluice-shared", "--test", "suite"])
            .env("SLUICE_CREDIT_OPS", CREDIT_OPERATIONS)
            .env("SLUICE_SEEDS", SEEDS);
        process::run(&mut cargo, "the core's tests at length").map(|()| String::new())
    })?;
    steps.step("ten thousand connections through the relay", || {
        let mut cargo = process::cargo(workspace);
        cargo
            .args(["test", "--release", "--package", "sluice-relay", "--test", "relay", "cycles"])
            .env("SLUICE_RELAY_CYCLES", RELAY_CYCLES);
        process::run(&mut cargo, "the relay's cycles at length").map(|()| String::new())
    })?;
    steps.step("ten thousand new addresses, with and without balancers", || {
        let mut cargo = process::cargo(workspace);
        cargo
            .args(["test", "--release", "--package", "sluice-server", "--lib", "compare::tests::migration"])
            .env("SLUICE_REBINDS", REBINDS);
        process::run(&mut cargo, "migration at length").map(|()| String::new())
    })?;
    server::build_with_page(workspace, &mut Steps::new(server::STEPS))?;
    Steps::new(1).step("Lighthouse on the page", || lighthouse::check(workspace))?;
    fuzz::fuzz(workspace, fuzz_seconds)
}
