//! WebSocket (RFC 6455).

mod carrier;
mod closing;
pub(crate) mod echo;
mod fragments;
mod handshake;
mod liveness;
mod observer;
mod upgrade;

pub(crate) use handshake::is_websocket_request;
pub(crate) use observer::upgrade as upgrade_observer;
pub(crate) use upgrade::upgrade;
