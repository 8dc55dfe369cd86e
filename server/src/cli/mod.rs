//! The command line.

mod backend;
mod compare;
mod handshake;
mod interrupt;
mod lists;
mod network;
mod relay;
mod serve;
mod span;

use clap::{Parser, Subcommand};
use sluice_shared::lab::TcpStack;
use tracing_subscriber::EnvFilter;

pub(crate) use backend::Backend;
pub(crate) use compare::{Compare, WrongUsage};
pub(crate) use handshake::Handshake;
pub(crate) use interrupt::{ignore_interrupts, interrupted};
pub(crate) use lists::{profiles, scenarios};
pub(crate) use relay::Relay;
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
    /// Be a backend of a server that says on standard input what to do
    #[command(hide = true)]
    Backend(Backend),
    /// Put an emulated network in front of any TCP or UDP server
    Relay(Box<Relay>),
    /// Send one feed over one bad network by several lanes, and print what each did
    Compare(Compare),
    /// Probe how fast TCP with TLS and HTTP/2, and QUIC with HTTP/3, get a first answer over a network
    Handshake(Box<Handshake>),
    /// List the built-in scenarios
    Scenarios,
    /// List the network presets
    Profiles,
}

/// Lets only filters pass that can be used.
fn log_filter(text: &str) -> Result<String, tracing_subscriber::filter::ParseError> {
    EnvFilter::try_new(text).map(|_| text.to_owned())
}

/// Whose TCP crosses an emulated network.
fn tcp_stack(name: &str) -> Result<TcpStack, String> {
    let known = TcpStack::ALL.into_iter().find(|stack| stack.name() == name);
    known.ok_or_else(|| "use model or kernel".to_owned())
}
