//! Host feed: load of the server machine.

pub mod model;
pub mod paint;
pub mod view;
