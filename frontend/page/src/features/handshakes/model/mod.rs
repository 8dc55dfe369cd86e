//! Model of the handshake lab, independent of signals and the browser.

pub mod labels;
pub mod paths;
pub mod probe_table;
pub mod proofs;
pub mod query;
pub mod run_scheduler;
pub mod rung_walk;
#[cfg(test)]
pub mod samples;
pub mod settings;
pub mod time_axis;
pub mod wire;
