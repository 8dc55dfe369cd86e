//! Pipeline: the stages between feed and consumer, with the messages waiting in each.

pub mod compact;
pub mod dots;
pub mod levels;
pub mod paint;
pub mod stage;
pub mod view;
