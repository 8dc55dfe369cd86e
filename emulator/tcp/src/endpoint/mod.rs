//! One end of a connection (RFC 9293), put together from its sending and its receiving half.
//!
//! | file | concept |
//! |---|---|
//! | `state.rs` | what an endpoint is, and what an application does with it |
//! | `handshake.rs` | from nothing to established |
//! | `input.rs` | what a segment means, by state |
//! | `output.rs` | segments made of what the halves want to say |
//! | `closing.rs` | FIN, RST and TIME-WAIT |
//! | `timers.rs` | what is due when |

mod closing;
mod handshake;
mod input;
mod output;
mod state;
mod timers;

pub use closing::EndReason;
pub use state::{Endpoint, State, WriteError};
