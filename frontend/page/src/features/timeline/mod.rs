//! Latency of all lanes over time on one axis, its distribution and its percentiles.

pub(crate) mod chart;
pub mod columns;
pub mod compare;
pub mod distribution_paint;
pub mod events;
pub mod latency_table;
pub mod marker;
pub mod paint;
pub mod scene;
pub mod view;
