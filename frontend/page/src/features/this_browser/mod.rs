//! Measurements of this browser's own connections.

pub mod measured;
pub mod probing;
