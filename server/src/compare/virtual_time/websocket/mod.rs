//! WebSocket over TCP, both ends.

mod end;
mod frames;
mod transport;

pub(super) use transport::WebSocket;
