//! The `sluice` binary.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use sluice_server::Server;
use tokio::sync::Notify;
use tracing_subscriber::EnvFilter;

use cli::{Cli, Command, Serve};

/// What is logged unless asked otherwise: this server, and what others think is worth a warning.
const DEFAULT_FILTER: &str = "warn,sluice_server=info";

fn main() -> ExitCode {
    // Wrong usage ends here, with exit code 2.
    let Command::Serve(serve) = Cli::parse().command;
    match run(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sluice: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(serve: Serve) -> Result<(), Box<dyn std::error::Error>> {
    start_log(serve.log.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let open = serve.open;
    let result = runtime.block_on(async move {
        let server = Server::bind(serve.config()).await?;
        let url = server.url();
        announce(&url)?;
        if open && let Err(error) = open::that_detached(&url) {
            tracing::warn!(%error, "no browser could be opened");
        }
        server.run(interrupted()?).await;
        Ok(())
    });
    // Whatever still runs has had its time.
    runtime.shutdown_background();
    result
}

/// Says where the page is. Whoever starts the server reads the last word of this line.
fn announce(url: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "Sluice is at {url}")?;
    out.flush()
}

/// Logs to stderr, a line for each event.
fn start_log(filter: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    let from_environment = std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let filter = filter.or(from_environment.as_deref()).unwrap_or(DEFAULT_FILTER);
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        format!("the log filter '{filter}' is malformed ({error}): use, for example, info")
    })?;
    let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(is_terminal).init();
    Ok(())
}

/// Completes at the first SIGINT or SIGTERM; the second ends the process at once.
fn interrupted() -> io::Result<impl Future<Output = ()>> {
    let first = Arc::new(Notify::new());
    let seen = Arc::clone(&first);
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping; once more to stop at once");
        seen.notify_one();
        signals.next().await;
        std::process::exit(1);
    });
    Ok(async move { first.notified().await })
}

/// The signals that ask the process to end.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "interrupts cannot be seen");
        }
    }
}
