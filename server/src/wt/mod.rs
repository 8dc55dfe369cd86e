//! WebTransport over HTTP/3 over QUIC (RFC 9114, draft-ietf-webtrans-http3), by wtransport and quinn.

mod accept;
mod backend;
mod carrier;
mod connection;
mod data;
mod datagram;
mod echo;
mod endpoint;
mod flood;
mod settings;
mod stream;
mod uni;

pub(crate) use accept::{Admitted, Asked, HANDSHAKE, Verdict, admit, answer, handshake, serve};
pub(crate) use backend::{Backend, Group};
pub(crate) use carrier::CONTROL_PRIORITY;
pub(crate) use connection::{
    Arrived, Connection, DATAGRAMS, Incoming, Standing, UNI_STREAMS, datagrams_in_quinn, incoming,
    path_sample, sample, send_datagram_wait,
};
pub(crate) use echo::echo;
pub(crate) use endpoint::Endpoint;
pub(crate) use settings::{DATAGRAM_BUFFER_BYTES, controller, datagrams_held, send_window, server_config};
pub(crate) use stream::{RecvStream, SendStream};
pub(crate) use uni::put_varint;
