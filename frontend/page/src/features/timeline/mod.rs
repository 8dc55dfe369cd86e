//! Latency over time and its distribution.

pub mod columns;
pub mod compare;
pub mod distribution_paint;
pub mod latency_table;
pub mod paint;
pub mod view;
