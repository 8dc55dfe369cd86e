//! Inbound flood: a client that sends faster than the server reads.

pub mod model;
pub mod paint;
pub mod track;
pub mod view;
