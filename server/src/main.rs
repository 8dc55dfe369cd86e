//! The `sluice` binary.

mod cli;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use sluice_server::{Server, relay, run_backend};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use cli::{
    Backend, Cli, Command, Handshake, Relay, Serve, WrongUsage, ignore_interrupts, interrupted, profiles,
    scenarios,
};

/// What is logged unless asked otherwise: what this project does, and what others think is worth a warning.
const DEFAULT_FILTER: &str = "warn,sluice_server=info";

fn main() -> ExitCode {
    // Wrong usage ends here, with exit code 2.
    let result = match Cli::parse().command {
        Command::Serve(options) => serve(options),
        Command::Backend(options) => backend(&options),
        Command::Relay(options) => run_relay(*options),
        Command::Compare(options) => options.run().and_then(|text| print(&text)),
        Command::Handshake(options) => handshake(*options),
        Command::Scenarios => scenarios().and_then(|text| print(&text)),
        Command::Profiles => print(&profiles()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sluice: {error}");
            if error.is::<WrongUsage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn serve(options: Serve) -> Result<(), Box<dyn Error>> {
    start_log(options.log.as_deref())?;
    let open = options.open;
    run(async move {
        let server = Server::bind(options.config()?).await?;
        let url = server.url();
        // Whoever starts the server reads the last word of this line.
        say(format_args!("Sluice is at {url}"))?;
        if open && let Err(error) = open::that_detached(&url) {
            tracing::warn!(%error, "no browser could be opened");
        }
        server.run(interrupted()?).await;
        Ok(())
    })
}

/// Standard output is the server's, so nothing else may be said there.
fn backend(options: &Backend) -> Result<(), Box<dyn Error>> {
    start_log(options.log.as_deref())?;
    run(async {
        ignore_interrupts()?;
        Ok(run_backend(tokio::io::stdin(), tokio::io::stdout()).await?)
    })
}

fn run_relay(options: Relay) -> Result<(), Box<dyn Error>> {
    start_log(options.log.as_deref())?;
    run(async move {
        let config = options.config();
        let upstreams: Vec<(&str, String)> = config
            .tcp
            .iter()
            .map(|way| ("TCP", way.upstream.clone()))
            .chain(config.udp.iter().map(|way| ("UDP", way.upstream.clone())))
            .collect();
        let relay = relay::start(config).await?;
        let listened = relay.tcp().iter().chain(relay.udp());
        for ((protocol, upstream), listened) in upstreams.iter().zip(listened) {
            say(format_args!("{protocol} {listened} leads to {upstream}"))?;
        }
        if let Some(url) = relay.control() {
            say(format_args!("The network can be changed at {url}"))?;
        }
        say(format_args!("Relaying with seed {}", relay.seed()))?;
        interrupted()?.await;
        if let Some(missed) = relay.finish()?.filter(|missed| *missed > 0) {
            tracing::warn!(missed, "packets came too fast to be captured");
        }
        Ok(())
    })
}

fn handshake(options: Handshake) -> Result<(), Box<dyn Error>> {
    let printed = options.run()?;
    print(&printed.text)?;
    printed.failure.map_or(Ok(()), Err)
}

/// Runs to the end of `task`; whatever else still runs then has had its time.
fn run(task: impl Future<Output = Result<(), Box<dyn Error>>>) -> Result<(), Box<dyn Error>> {
    let runtime: Runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(task);
    runtime.shutdown_background();
    result
}

/// Prints a line at once.
fn say(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Prints text as it is.
fn print(text: &str) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Logs to stderr, a line for each event.
fn start_log(filter: Option<&str>) -> Result<(), Box<dyn Error>> {
    let from_environment = std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let filter = filter.or(from_environment.as_deref()).unwrap_or(DEFAULT_FILTER);
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        format!("the log filter '{filter}' is malformed ({error}): use, for example, info")
    })?;
    let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(is_terminal).init();
    Ok(())
}
