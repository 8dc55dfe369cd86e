//! Bytes in and out of the browser. JavaScript's networking is called here and nowhere else in the lane.
//!
//! All carriers have one shape: opening returns at once, what happens is delivered straight to a [`carrier::Sink`] (never
//! inside a call of the carrier's own methods), and dropping a carrier closes it.

mod carrier;
mod flood;
mod probe;
mod promises;
mod room;
mod websocket;
mod websocket_stream;
mod webtransport;

pub(super) use carrier::{Carrier, Event, Obstacle, Sink};
pub(super) use probe::probe;
pub(super) use room::Room;
