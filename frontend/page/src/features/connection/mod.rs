//! Connection timeline of a lane: heartbeats, losses, reconnects.

pub mod heartbeat_control;
pub mod model;
pub mod paint;
pub mod view;
