//! Labs: each page's own piece of emulated network, between its lanes and this server.
//!
//! ```text
//! lane ──TCP──▶ lab port ─▶ on-ramp ═ emulated TCP over two links ═▶ HTTP router of the lab (`/ws` alone)
//! lane ──UDP──▶ lab port ─▶ relay ══════ the same two links ═══════▶ QUIC endpoints of all labs (`/wt`)
//! ```
//!
//! The ports are bound when the server starts, so the page's content security policy can name just them.

mod backends;
mod ground;
mod lab;
mod ports;
mod quic;
mod ramp;
mod registry;
mod settings;

pub(crate) use ground::Ground;
pub(crate) use lab::{EventError, Lab, Watcher};
pub(crate) use ramp::{Arrival, Ramp};
pub(crate) use registry::{CreateError, Labs};
pub(crate) use settings::Settings;
