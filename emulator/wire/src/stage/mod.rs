//! The executor and its clock.

mod actor;
mod alarms;
mod clock;
mod core;
mod executor;
mod handle;
mod ready;
mod runtime;
mod sleep;
mod tasks;

pub(crate) use self::actor::Actor;
pub use self::clock::StageClock;
pub use self::executor::{Stage, Stuck};
pub use self::handle::{Elapsed, StageHandle};
pub use self::sleep::Sleep;
