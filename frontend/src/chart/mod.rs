//! Drawing: each painter reads the engine's models once a frame and draws on a canvas of its own.

pub mod age;
pub mod curve;
pub mod host;
pub mod inbound;
pub mod life;
pub mod palette;
pub mod strip;
pub mod surface;
pub mod weather;
