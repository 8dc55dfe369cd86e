//! `sluice compare`: the same feed over the same bad network by several lanes, measured and printed.
//!
//! | module | what it holds |
//! |---|---|
//! | `scenarios` | the built-in scenarios, and files |
//! | `plan` | what one run does: a scenario with what the command line changes in it |
//! | `virtual_time` | runs without sockets and clocks |
//! | `native` | runs in real time over real sockets |
//! | `client` | how a lane's client behaves in both |
//! | `migration` | what changes of the client's address did to a lane |
//! | `spoofed` | what came of copies of its packets |
//! | `moments`, `random` | when a scenario changes the address, by its seed |
//! | `consumer`, `tally` | what a lane's client does with messages, and counts |
//! | `run` | both |
//! | `report`, `table` | what is printed, as JSON and as text |

mod client;
mod consumer;
mod error;
mod migration;
mod moments;
mod native;
mod plan;
mod random;
mod report;
mod run;
mod scenarios;
mod spoofed;
mod table;
mod tally;
mod virtual_time;

#[cfg(test)]
mod tests;

pub use error::CompareError;
pub use migration::{Migration, Spans};
pub use plan::{Overrides, Plan};
pub use report::{
    AddressChanges, Ages, Balancer, Feed, LaneReport, Messages, Network, Report, SpoofSettings, Wire,
};
pub use run::{run_native, run_virtual};
pub use scenarios::{BUILT_IN, ScenarioRefused, built_in, find};
pub use spoofed::Spoofed;
pub use table::table;
