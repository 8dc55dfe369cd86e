//! Comparison of the lanes' latency distributions.

pub mod latency_table;
pub mod paint;
pub mod view;
