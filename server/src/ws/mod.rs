//! WebSocket (RFC 6455).

mod carrier;
mod liveness;
mod upgrade;

pub(crate) use upgrade::upgrade;
