//! What crosses the connection.
//!
//! Everything is an **item**: a varint length, a kind byte, a body ([`codec`]). A WebSocket message and a datagram
//! hold one or more whole items; a WebTransport stream is a sequence of them. On WebTransport the client opens one
//! bidirectional stream for all control items, so that credit and heartbeats never wait behind data; on WebSocket
//! they share the connection.
//!
//! The server writes a [`BatchHeader`] before the messages of each write: it says when they left the session and how
//! much has been sent so far, by which the receiver tells waiting at the server from waiting on the way.

mod certify;
mod client;
pub mod codec;
mod echo;
mod server;

pub use certify::{CertifyRequest, ProducedReport, Span};
pub use client::{ClientItem, Hello, Ping, Resume};
pub use echo::{EchoBlock, Inbound};
pub use server::{
    BatchHeader, CloseCode, Continuity, GapReason, GapReport, Goodbye, Hop, MessageHeader, PathSample, Pong,
    SeqRange, ServerControl, ServerItem, ServerSample, StreamInfo, TransportFacts, Waiting, Welcome,
};

/// The version of these words. A server answers another one with [`CloseCode::Unsupported`].
pub const PROTOCOL_VERSION: u16 = 2;

/// The WebTransport path and the WebSocket path of a session.
pub const WEBTRANSPORT_PATH: &str = "/wt";
/// See [`WEBTRANSPORT_PATH`].
pub const WEBSOCKET_PATH: &str = "/ws";
