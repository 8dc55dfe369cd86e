//! Latency distributions of the lanes against each other.

pub mod latency_table;
pub mod paint;
pub mod view;
