//! WebSocket (RFC 6455).

mod carrier;
pub(crate) mod echo;
mod liveness;
mod upgrade;

pub(crate) use liveness::Liveness;
pub(crate) use upgrade::upgrade;
