//! Engine: connects the workers to the models, and publishes summaries four times a second.

mod delivery_history;
pub mod driver;
pub mod epochs;
pub mod lane;
pub mod lane_model;
pub mod meter;
pub mod publish;
pub mod running_lane;
pub(crate) mod verdict_input;
