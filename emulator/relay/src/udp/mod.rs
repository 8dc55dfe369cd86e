//! UDP through the network: each client address is a flow with a socket of its own towards the server.
//!
//! | file | concept |
//! |---|---|
//! | `port.rs` | a socket that takes and gives datagrams in batches |
//! | `flow.rs` | two links behind a lock, driven by whoever has something for them |
//! | `state.rs` | what that lock guards |
//! | `registered.rs` | a flow as its network knows it |
//! | `way.rs` | one direction of a flow |
//! | `path.rs` | what is written down when a client gets another address |
//! | `former.rs` | where packets came from before that |
//! | `attack.rs` | somebody who copies a flow's packets |
//! | `spoof_watch.rs` | what is written down of that |
//! | `frames.rs` | the frames that validate a path |
//! | `relay.rs` | whose datagram belongs to which flow, and when flows end |

mod attack;
mod flow;
mod former;
mod frames;
mod path;
mod port;
mod registered;
mod relay;
mod spoof_watch;
mod state;
mod way;

pub(crate) use port::ReceiveBuffers;
pub(crate) use relay::relay;
