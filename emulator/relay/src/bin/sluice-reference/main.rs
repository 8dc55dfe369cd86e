//! Holds the TCP model to the kernel: the same traffic over both, through the same emulated network.
//!
//! `sluice-reference [--quick] [--congestion cubic|bbr] [--seeds N] [--store FOLDER]`. The kernel runs in real time,
//! many connections at once; the model in virtual time. Exit codes: 0 done or skipped, with the reason; 1 a setting
//! disagrees or something failed; 2 wrong usage.
#![expect(clippy::print_stdout, reason = "the table is for whoever started this")]

#[cfg(target_os = "linux")]
mod arguments;
#[cfg(target_os = "linux")]
mod lane;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod setting;
#[cfg(target_os = "linux")]
mod store;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod wave;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    match arguments::Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => run::run(&arguments),
        Err(problem) => {
            eprintln!("sluice-reference: {problem}");
            ExitCode::from(2)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("skipped: the kernel reference needs Linux");
    ExitCode::SUCCESS
}
