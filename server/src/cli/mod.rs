//! The command line.

mod serve;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

pub(crate) use serve::Serve;

/// One live feed over WebSocket and WebTransport at once, with every queue on the way visible.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, about, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the page, and the feeds to it
    Serve(Serve),
}

/// Lets only filters pass that can be used.
fn log_filter(text: &str) -> Result<String, tracing_subscriber::filter::ParseError> {
    EnvFilter::try_new(text).map(|_| text.to_owned())
}
