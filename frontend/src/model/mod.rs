//! What the page knows, as plain Rust: no signals, no browser, tested natively.

pub mod columns;
pub mod decimal;
pub mod dots;
pub mod facts;
pub mod format;
pub mod host;
pub mod lane;
pub mod late;
pub mod levels;
pub mod log;
pub mod meter;
pub mod names;
pub mod network;
pub mod projection;
pub mod scale;
pub mod scenario;
pub mod setup;
pub mod share;
pub mod support;
pub mod tone;
pub mod verdict;
pub mod weather;
