//! `sluice-chaos`: random things happen to clients of every mode, and nothing may be lost without a word.
//!
//! Exit codes: 0 everything held, 1 something did not (the seed, the step and what was expected are printed), 2 wrong
//! usage.
#![expect(clippy::print_stdout, reason = "what happens is what the program is for")]

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, value_parser};
use sluice_tests::chaos::{Draw, Plan, run};

/// Seeds that are drawn are below this, so that people can read and type them.
const DRAWN_SEEDS: u64 = 1_000_000;

#[derive(Debug, Parser)]
#[command(version, about = "Lets random things happen to clients of every mode, and checks what must hold")]
struct Cli {
    /// For about how long
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u64).range(1..=10_080))]
    minutes: u64,
    /// Where every chance comes from: the same seed makes the same plan [default: drawn]
    #[arg(long)]
    seed: Option<u64>,
    /// Print the plan, and each step as it happens
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(drawn_seed);
    let plan = Plan::lasting(seed, Duration::from_secs(cli.minutes * 60));
    println!("chaos: seed {seed}, {} phases", plan.phases.len());
    if cli.verbose {
        print!("{plan}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("sluice-chaos: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let progress = |step: &str| {
        if cli.verbose || step.ends_with("checks") {
            println!("{step}");
        }
    };
    match runtime.block_on(run(&plan, progress)) {
        Ok(outcome) => {
            println!("chaos: seed {seed} held: {outcome}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!(
                "sluice-chaos: {failure}\nagain: cargo xtask chaos --minutes {} --seed {seed} -v",
                cli.minutes
            );
            ExitCode::FAILURE
        }
    }
}

fn drawn_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Draw::new(u64::try_from(now.as_nanos()).unwrap_or(0)).below(DRAWN_SEEDS)
}
