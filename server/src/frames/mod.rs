//! The frame inspector: what the bytes of a lab's WebSocket say.
//!
//! ```text
//! TLS or TCP ─▶ Tapped ─▶ HTTP, WebSocket            a connection, with somebody who looks at its bytes
//!                 └─ Tap ─▶ Inspector ─▶ Way (one a direction) ─▶ Header, Message
//! Board (one a lab) ─▶ Tap of the lane that is watched ─▶ Outlet (bounded) ─▶ server-sent events
//! ```
//!
//! `Header`, `Way`, `Handshakes` and `Inspector` do no IO and read no clock. They decode what passes, not what the
//! WebSocket library makes of it. Every connection of a lab is followed from its first byte on, so that whoever looks
//! later finds the frames' boundaries; payloads are kept only while somebody looks.

mod board;
mod fault;
mod header;
mod inspector;
mod outlet;
mod record;
mod tap;
mod upgrade;
mod way;

#[cfg(test)]
mod tests;

pub(crate) use board::{Board, FrameWatch};
pub(crate) use tap::{Tap, Tapped};
