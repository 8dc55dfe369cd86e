//! Messages between the page and a lane's worker, and between the page and a lazily loaded view.
//!
//! Views: see [`ViewInput`] and [`ViewAction`]. Workers: both directions are postcard in a `Uint8Array`. A
//! worker only responds: the page sends [`Command::Report`] at most once per frame and not again before the
//! response, so a slow worker is polled less often and a hidden page polls none. All times are microseconds
//! since the Unix epoch on the `performance` clock, which the page and the workers of one browser share.

mod command;
mod connection_event;
mod epoch;
mod flood_report;
mod lab_action;
mod lane_setup;
mod report;
mod summary;
mod view;

pub use command::{Command, Consumer, Endpoints, Recovery, Setup, Upkeep, Window, Work};
pub use connection_event::{
    ConnectionEvent, ConnectionEventKind, DeliveryGap, Outage, SessionStart, TransportOpenTimes,
};
pub use epoch::EpochStats;
pub use flood_report::{FloodLevel, FloodReport, FloodStats, InboundColumn};
pub use lab_action::{LabAction, NetworkSettings};
pub use lane_setup::{CONSUMER_AT_ONCE, FeedKind, FeedKinds, FeedSetup, LaneSetup, WindowChoice};
pub use report::{AgeColumn, Connection, Dot, HostReading, Level, Note, Report};
pub use summary::{Ages, Credit, Hops, SkippedRun, Summary, curve_share};
pub use view::{
    LabInput, LabSettings, LaneInput, LogLine, OutageInput, PageSettings, ServerInput, TraceStep, View,
    ViewAction, ViewInput,
};
