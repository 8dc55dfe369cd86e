//! The sending half of an endpoint.
//!
//! | file | concept |
//! |---|---|
//! | `state.rs` | what a sender knows |
//! | `transmit.rs` | what leaves, and what keeps it from leaving |
//! | `ack.rs` | what an acknowledgment says |
//! | `sack.rs` | what its selective part says, duplicates among it |
//! | `judge.rs` | whether that means loss |
//! | `undo.rs` | whether it was none after all |
//! | `timers.rs` | what happens when no acknowledgment comes |
//!
//! The order of steps is that of Linux's `tcp_ack`, since it decides what is sent when several rules apply at once.
//! A receiver that takes selective acknowledgments back (RFC 2018 §8) is not provided for: this one never does.

mod ack;
mod judge;
mod sack;
mod state;
mod timers;
mod transmit;
mod undo;

pub(crate) use ack::Acknowledgment;
pub use state::SendCounters;
pub(crate) use state::Sender;
pub(crate) use transmit::Order;
