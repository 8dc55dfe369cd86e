//! QUIC as somebody sees it who stands between and has been given the keys.
//!
//! The lab's own server tells its TLS secrets ([`SecretStore`]), so `Observer` can open the packets that the relay
//! carries (`sluice_capture::quic`) and say which bytes of which stream each of them has. `QuicLateness` makes of it where the
//! time of the server's writes went. No IO, no clock; whatever cannot be opened is passed over.

mod glimpse;
mod lateness;
mod observer;
mod secrets;

pub(crate) use glimpse::{Glimpse, Id, hex};
pub use lateness::ServerWrite;
pub(crate) use lateness::{Load, QuicLateness};
pub use secrets::SecretStore;
