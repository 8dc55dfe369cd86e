//! Where messages come from.

mod host;
mod kind;
pub(crate) mod publish;
mod stdin;
mod ticks;

pub use kind::FeedKind;
pub(crate) use kind::{start, stream_names};
pub(crate) use ticks::{SHORTEST_WAIT, Schedule, Tick};
