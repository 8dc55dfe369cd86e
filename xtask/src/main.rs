//! Builds, runs, checks and measures Sluice.
//!
//! Every command works on a clean clone: what is missing is installed into `target/tools` first. Exit codes: 0 done,
//! 1 failed, 2 wrong usage or a system package is missing (its install command is printed).
#![expect(clippy::print_stdout, reason = "a build tool reports to the terminal of the person who started it")]

mod browser;
mod cli;
mod commands;
mod compress;
mod failure;
mod files;
mod fingerprint;
mod layers;
mod page;
mod process;
mod progress;
mod server;
mod style;
mod system;
mod toolchain;
mod tools;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
