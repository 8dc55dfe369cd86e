//! Numbers, durations and byte counts as text.
//!
//! The page formats many numbers; its own code keeps the large floating-point formatting of `core` out of the
//! wasm.

pub mod decimal;
pub mod format;
