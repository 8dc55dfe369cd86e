//! One lab's network: its weather, and the connections that go through it.
//!
//! | file | concept |
//! |---|---|
//! | `handle.rs` | what somebody who has a network can do with it |
//! | `core.rs` | the network itself: its settings and its flows |
//! | `settings.rs` | what new flows begin with |
//! | `roaming.rs` | another address after each planned outage |
//! | `report.rs` | models' words in the words of reports |

mod core;
mod handle;
mod report;
mod roaming;
mod settings;

pub use self::core::FlowId;
pub(crate) use self::core::{Core, Flow, MAX_TCP_FLOWS, Reading};
pub use handle::{FlowProbe, Network, NetworkId};
pub(crate) use report::{link_report, tcp_report};
pub(crate) use settings::Settings;
