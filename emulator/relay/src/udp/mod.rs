//! UDP through the network: each client address is a flow with a socket of its own towards the server.
//!
//! | file | concept |
//! |---|---|
//! | `port.rs` | a socket that takes and gives datagrams in batches |
//! | `flow.rs` | two links behind a lock, driven by whoever has something for them |
//! | `path.rs` | what is written down when a client gets another address |
//! | `relay.rs` | whose datagram belongs to which flow, and when flows end |

mod flow;
mod path;
mod port;
mod relay;

pub(crate) use port::ReceiveBuffers;
pub(crate) use relay::relay;
