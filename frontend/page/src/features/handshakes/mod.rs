//! Handshake lab: round trips before the first byte.

pub mod axis;
pub mod ladder;
pub mod panel;
pub mod proofs;
pub mod read;
pub mod results;
#[cfg(test)]
pub mod samples;
pub mod settings;
pub mod skeleton;
pub mod words;
