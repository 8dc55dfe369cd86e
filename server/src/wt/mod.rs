//! WebTransport over HTTP/3 over QUIC (RFC 9114, draft-ietf-webtrans-http3), by wtransport and quinn.

mod accept;
mod carrier;
mod data;
mod datagram;
mod endpoint;
mod settings;
mod uni;

pub(crate) use endpoint::Endpoint;
pub(crate) use settings::server_config;
