//! WebTransport over QUIC, both ends, on quinn's state machine.

mod attacker;
mod backends;
mod client_end;
mod instants;
mod lanes;
mod peer;
mod server_end;
mod session;
mod settings;
mod transport;

pub(super) use settings::Setup;
pub(super) use transport::WebTransport;
