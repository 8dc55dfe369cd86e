//! Trace of what follows from a slow consumer.

pub mod model;
pub mod view;
