//! Host feed: the server machine's load.

pub mod model;
pub mod paint;
pub mod view;
