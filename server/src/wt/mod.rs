//! WebTransport over HTTP/3 over QUIC (RFC 9114, draft-ietf-webtrans-http3), by wtransport and quinn.

mod accept;
mod backend;
mod carrier;
mod data;
mod datagram;
mod echo;
mod endpoint;
mod flood;
mod settings;
mod uni;

pub(crate) use backend::{Backend, Group};
pub(crate) use carrier::CONTROL_PRIORITY;
pub(crate) use endpoint::Endpoint;
pub(crate) use settings::{DATAGRAM_BUFFER_BYTES, controller, send_window, server_config};
pub(crate) use uni::put_varint;
