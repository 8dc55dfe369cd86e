//! Numbers, spans and byte counts as text.
//!
//! The page formats many numbers; doing so by hand keeps the large floating-point formatting of `core` out of the wasm.

pub mod decimal;
pub mod format;
