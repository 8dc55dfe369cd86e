//! QUIC as somebody sees it who stands between and has been given the keys.
//!
//! The lab's own server tells its TLS secrets ([`SecretStore`]), so `Observer` can open the packets that the relay
//! carries (RFC 9001 §5) and say which bytes of which stream each of them has. `QuicLateness` makes of it where the
//! time of the server's writes went. No IO, no clock; whatever cannot be opened is passed over.

mod cursor;
mod frame;
mod hello;
mod keys;
mod lateness;
mod observer;
mod packet;
mod secrets;

pub(crate) use lateness::QuicLateness;
pub use lateness::ServerWrite;
pub use secrets::SecretStore;
