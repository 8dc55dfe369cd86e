//! One lab's network: its weather, and the connections that go through it.
//!
//! | file | concept |
//! |---|---|
//! | `handle.rs` | what somebody who has a network can do with it |
//! | `core.rs` | the network itself: its settings and its flows |
//! | `flow.rs` | a connection, as the network knows it |
//! | `settings.rs` | what new flows begin with |
//! | `switching.rs` | the clients get another address |
//! | `spoofs.rs` | somebody copies the clients' packets, and what was seen of it |
//! | `switches.rs` | what was seen when clients changed networks |
//! | `tunnels.rs` | tunnels, and which connections came out of them |
//! | `upstreams.rs` | the servers behind the network |
//! | `balance.rs` | which of them a client's packets go to |
//! | `roaming.rs` | what happens by plan: tunnels, and another address after each |
//! | `report.rs` | models' words in the words of reports |

mod balance;
mod core;
mod flow;
mod handle;
mod report;
mod roaming;
mod settings;
mod spoofs;
mod switches;
mod switching;
mod tunnels;
mod upstreams;

pub(crate) use self::balance::{Balance, is_short, named_backend};
pub(crate) use self::core::{Core, MAX_TCP_FLOWS};
pub use flow::FlowId;
pub use flow::KnownPath;
pub(crate) use flow::{Flow, PathStateProbe, Reading};
pub use handle::{FlowProbe, Network, NetworkId};
pub(crate) use report::{link_report, tcp_report};
pub(crate) use settings::Settings;
pub(crate) use spoofs::{SeenSpoof, SpoofOrder};
pub(crate) use switches::{NextBegun, Order, SeenChange};
pub(crate) use switching::no_host;
pub(crate) use tunnels::{DataWatch, SeenCrossing};
pub use upstreams::Upstreams;
