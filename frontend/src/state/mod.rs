//! What changes: signals for what somebody sets and for what is published four times a second, and the engine that
//! joins them to the workers.

mod app;
mod engine;
mod frames;
mod lane;
mod network;
mod publish;
mod race;
mod server;
mod theme;

pub use app::App;
pub use engine::{Engine, EngineHandle, Running};
pub use frames::Frames;
pub use lane::{Lane, LaneId, LaneView};
pub use network::{LabState, Network, Outlook};
pub use race::Race;
pub use server::{Server, ServerInfo};
pub use theme::Theme;

pub use crate::model::host::HostMetric;
