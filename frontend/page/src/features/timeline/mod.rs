//! Latency of all lanes over time on one axis.

pub(crate) mod chart;
pub mod columns;
pub mod events;
pub mod marker;
pub mod paint;
pub mod scene;
pub mod view;
