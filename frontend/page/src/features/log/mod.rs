//! Event log.

pub mod model;
pub mod view;
