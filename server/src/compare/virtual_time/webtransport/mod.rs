//! WebTransport over QUIC, both ends, on quinn's state machine.

mod client_end;
mod instants;
mod lanes;
mod peer;
mod server_end;
mod session;
mod settings;
mod transport;

pub(super) use settings::Identity;
pub(super) use transport::WebTransport;
