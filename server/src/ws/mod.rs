//! WebSocket (RFC 6455).

mod carrier;
pub(crate) mod echo;
mod fragments;
mod handshake;
mod liveness;
mod upgrade;

pub(crate) use upgrade::upgrade;
