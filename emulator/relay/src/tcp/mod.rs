//! TCP through the network: browser ⇄ loopback ⇄ client's end ⇄ two links ⇄ server's end ⇄ the server.
//!
//! | file | concept |
//! |---|---|
//! | `conversation.rs` | both ends and both links, without IO |
//! | `flow.rs` | a conversation behind a lock, driven by whoever has something for it |
//! | `state.rs` | what that lock guards |
//! | `registered.rs` | a connection as its network knows it |
//! | `stream.rs` | the server's end as a stream |
//! | `on_ramp.rs` | a loopback connection and the client's end |
//! | `ramp.rs` | where connections come from, and where the server gets them |

mod conversation;
mod flow;
mod on_ramp;
mod ramp;
mod registered;
mod state;
mod stream;

pub(crate) use on_ramp::listen;
pub use ramp::TcpRamp;
pub use stream::{RampHandle, RampStream};
