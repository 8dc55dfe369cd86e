//! HTTP/2 (RFC 9113), HTTP/3 (RFC 9114), and HTTP/1.1 with the WebSocket behind it (RFC 6455), one direction at a time.

mod fields;
mod hpack;
mod http1;
mod http2;
mod http3;
mod integer;
mod qpack;
mod tables;
mod tcp;
mod websocket;

pub(crate) use http3::Http3Stream;
pub(crate) use tcp::Application;

/// Longest frame, head or field section that is put together; longer ones are named and passed over.
const MAX_HELD_BYTES: usize = 64 << 10;
