//! Emulated network: controls, lane statistics and lateness.

pub mod lane_view;
pub mod lateness;
pub mod model;
pub mod paint;
pub mod state;
pub mod stats;
pub mod view;
