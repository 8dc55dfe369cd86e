//! The two ends of a session, without IO.
//!
//! Both are driven alike, and hold no clock and no socket:
//! 1. Give each input to its `handle_*` with the time.
//! 2. Drain every `poll_*` until it returns `None`, and carry out what it returned.
//! 3. Wait for the next input, or until `poll_timeout`; then `handle_timeout`.
//!
//! Invariant: after each `handle_*`, drain before the next wait. Time never goes back.

mod backoff;
mod client;
mod heartbeat;
mod refusal;
mod sent;
mod server;
mod subscription;
mod work;

pub use backoff::Backoff;
pub use client::{ClientConfig, ClientError, ClientEvent, ClientSession, Delivered, Intake};
pub use heartbeat::Heartbeat;
pub use refusal::{HelloError, ProtocolError, validate};
pub use server::{Batch, BatchLimits, Request, Select, ServerSession};
