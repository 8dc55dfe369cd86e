//! The command line: `cargo xtask --help`.

use clap::{Parser, Subcommand};

use crate::commands::{bench, chaos, ci, dev, dist, fuzz, nightly, pictures, reference, run, test};
use crate::failure::Result;
use crate::layers;
use crate::workspace::Workspace;

/// Builds, runs, checks and measures Sluice.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the page and the server, and start it; a second run starts at once
    Run {
        /// Open the page in a browser
        #[arg(long)]
        open: bool,
        /// Rebuild and reload the page on every change, with the API of a debug server behind it
        #[arg(long)]
        dev: bool,
        /// Options of `sluice serve`, after `--`
        #[arg(last = true)]
        server: Vec<String>,
    },
    /// Run every test: native, wasm32, and Chromium on the built page
    Test {
        /// Run only tests whose name contains this
        filter: Option<String>,
    },
    /// Run every check that a change must pass
    Ci,
    /// Measure; options of the benches follow
    Bench {
        /// Passed on to the benches
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Take the pictures of the page for docs/, in every view, theme and condition
    Pictures,
    /// Let random things happen to clients of every mode, and check that nothing is lost; options follow: --help
    Chaos {
        /// Passed on: --minutes N, --seed S, -v
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Put the finished server, with the page inside, into target/dist
    Dist,
    /// Run each fuzz target over its kept corpus, with a nightly compiler
    Fuzz {
        /// Seconds per target
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Run what takes too long for every change: ten million credit operations, many seeds, every fuzz target
    Nightly {
        /// Seconds per fuzz target
        #[arg(long, default_value_t = 600)]
        fuzz_seconds: u32,
    },
    /// Measure the TCP model beside this machine's kernel, over the same emulated networks: twenty minutes
    Reference {
        /// Keep what the kernel did as the data that the model's tests are held to
        #[arg(long)]
        store: bool,
        /// Fewer settings, seeds and seconds: about two minutes
        #[arg(long, conflicts_with = "store")]
        quick: bool,
    },
    /// Check which crate may use which, and what the pure crates must not reach
    Layers,
}

/// Reads the command line and carries it out.
pub(crate) fn run() -> Result<()> {
    let cli = Cli::parse();
    let workspace = Workspace::find()?;
    match cli.command {
        Command::Run { open, dev: true, server } => dev::dev(&workspace, open, &server),
        Command::Run { open, dev: false, server } => run::run(&workspace, open, &server),
        Command::Test { filter } => test::test(&workspace, filter.as_deref()),
        Command::Ci => ci::ci(&workspace),
        Command::Bench { args } => bench::bench(&workspace, &args),
        Command::Pictures => pictures::pictures(&workspace),
        Command::Chaos { args } => chaos::chaos(&workspace, &args),
        Command::Dist => dist::dist(&workspace),
        Command::Fuzz { seconds } => fuzz::fuzz(&workspace, seconds),
        Command::Nightly { fuzz_seconds } => nightly::nightly(&workspace, fuzz_seconds),
        Command::Reference { store, quick } => reference::reference(&workspace, store, quick),
        Command::Layers => layers::check(&workspace).map(|remark| println!("layers: {remark}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_after_two_dashes_belong_to_the_server() {
        let cli = Cli::try_parse_from(["xtask", "run", "--open", "--", "--feed", "host"]).expect("valid");
        assert!(
            matches!(cli.command, Command::Run { open: true, dev: false, server } if server == ["--feed", "host"])
        );
    }
}
