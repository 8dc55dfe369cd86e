//! Receiver-owned credit, in messages and bytes.
//!
//! The receiver tells how much the sender may have sent **in total** since the connection opened. Limits are
//! cumulative and only grow, so one that comes late, twice or out of order is harmless (the idea of `MAX_DATA`,
//! RFC 9000 §4.1, moved to the application, where consumption is known). The law: *sent ≤ limit, always*.

mod receiver;
mod sender;
mod window;

pub use receiver::{GrantReport, Receiver};
pub use sender::Sender;
pub use window::{AutoWindow, WindowMode};
