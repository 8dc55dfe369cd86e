//! The server of Sluice: one live feed over WebSocket and WebTransport at once.
//!
//! ```text
//! feeds → hub (bounded logs) → session (sans-IO core, driven) → carrier: ws | wt
//!                                                              http: page, API, upgrade
//! ```
//!
//! [`Server::bind`] takes a [`Config`] and binds; [`Server::run`] serves until its shutdown future completes.

mod backend;
mod clock;
pub mod compare;
mod config;
mod feeds;
mod frames;
pub mod handshake;
mod http;
mod hub;
mod labs;
mod listen;
mod metrics;
pub mod relay;
mod server;
mod session;
mod settings_file;
mod tcp_info;
mod tls;
mod ws;
mod wt;

pub use backend::{BackendError, ProcessError, run_backend};
pub use config::{BackendProgram, Backends, Config, Congestion, Pings, QuicTuning, TlsFiles};
pub use feeds::FeedKind;
pub use listen::{BadAddress, ListenAddress};
pub use server::{Server, StartError};
pub use settings_file::{Malformed, parse_settings, read_settings};
pub use tls::LoadError;
