//! Measurements of a lane: plain Rust of bounded size, without a browser, tested natively.

mod ages;
mod columns;
mod connection_timeline;
mod delivery_gaps;
mod dots;
mod epoch;
mod gaps;
mod lane_stats;
mod notes;
mod rates;
mod ring;
mod stalls;

pub(super) use lane_stats::{ConsumptionTimes, LaneStats};
