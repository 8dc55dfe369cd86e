//! One lab's network: its weather, and the connections that go through it.
//!
//! | file | concept |
//! |---|---|
//! | `handle.rs` | what somebody who has a network can do with it |
//! | `core.rs` | the network itself: its settings and its flows |
//! | `settings.rs` | what new flows begin with |
//! | `switching.rs` | the clients get another address |
//! | `switches.rs` | what was seen when clients changed networks |
//! | `upstreams.rs` | the servers behind the network |
//! | `balance.rs` | which of them a client's packets go to |
//! | `roaming.rs` | another address after each planned outage |
//! | `report.rs` | models' words in the words of reports |

mod balance;
mod core;
mod handle;
mod report;
mod roaming;
mod settings;
mod switches;
mod switching;
mod upstreams;

pub(crate) use self::balance::{Balance, named_backend};
pub use self::core::FlowId;
pub(crate) use self::core::{Core, Flow, MAX_TCP_FLOWS, PathStateProbe, Reading};
pub use handle::{FlowProbe, Network, NetworkId};
pub(crate) use report::{link_report, tcp_report};
pub(crate) use settings::Settings;
pub(crate) use switches::{NextBegun, Order, SeenChange};
pub(crate) use switching::no_host;
pub use upstreams::Upstreams;
