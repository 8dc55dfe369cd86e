//! What the page and a lane's worker say to each other.
//!
//! Both directions are postcard in a `Uint8Array`. The worker speaks only when asked: the page sends
//! [`Command::Report`] at most once a frame and not again before the answer, so a slow worker is asked less and a
//! hidden page asks nothing. All times are microseconds since the Unix epoch as `performance` tells them, which page
//! and workers of one browser share.

mod command;
mod epoch;
mod flooding;
mod life;
mod report;
mod summary;

pub use command::{Command, Consumer, Endpoints, Recovery, Setup, Upkeep, Window, Work};
pub use epoch::EpochStats;
pub use flooding::{FloodLevel, FloodTold, Flooding};
pub use life::{LifeEvent, LifeKind, Outage, ReadyTimes, Silence, Start};
pub use report::{AgeColumn, Connection, Dot, HostReading, Level, Note, Report};
pub use summary::{Ages, Credit, GapSeen, Hops, Summary, curve_share};
