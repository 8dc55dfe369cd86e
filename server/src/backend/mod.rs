//! Backends that are processes of their own: `sluice serve --backends process`.
//!
//! ```text
//!             server                                │ pipes             │ backend (one process each)
//! session ◄─► WtCarrier ◄─► Connection, streams ◄───┼─► frames in turn ◄┼─► Mux ◄─► wtransport, quinn ◄─► relay
//!             (wt/)         (buffers with windows)  │   (Outbox)        │   (its streams and datagrams)
//! ```
//!
//! A backend ends QUIC, HTTP/3 and WebTransport, and knows nothing of sessions: those are the server's, and outlive it.
//! Whatever waits on the way has a window that the backend gives back as QUIC takes it.

mod child;
mod connection;
mod frame;
mod message;
mod mux;
mod outbox;
mod pool;
mod process;
mod processes;
mod remote;
mod stream;

pub use child::{BackendError, run_backend};
pub(crate) use connection::Connection;
pub(crate) use pool::{Backends, Presenter};
pub(crate) use process::Context;
pub use process::ProcessError;
pub(crate) use processes::Processes;
pub(crate) use stream::{RecvStream, SendStream};
