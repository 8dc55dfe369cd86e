//! Inbound flood: a client that sends more than the server reads.

pub mod model;
pub mod paint;
pub mod track;
pub mod view;
