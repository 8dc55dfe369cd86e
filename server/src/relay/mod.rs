//! `sluice relay`: the emulated network in front of anybody's own TCP or UDP server.
//!
//! ```text
//! client ──▶ LISTEN ═ the network ═▶ UPSTREAM
//! ```

mod forward;
mod run;

pub use forward::{BadForward, Forward};
pub use run::{RelayConfig, RelayError, Relayed, start};
