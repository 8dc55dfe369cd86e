//! The opening of a WebTransport session: its round trips and sizes.
//!
//! Nobody reads the contents, so they are zeros as long as the real thing: what counts is when they arrive. The rules:
//! a client sends its request when it has the server's settings; its session is open when it has the answer.

use quinn_proto::{Dir, Side, StreamId};

/// The control stream: its type, and a SETTINGS frame with what WebTransport needs (RFC 9114 §6.2.1, §7.2.4;
/// draft-ietf-webtrans-http3 §3.1).
pub(super) const SETTINGS_BYTES: usize = 40;
/// The two streams of QPACK: their types (RFC 9204 §4.2).
pub(super) const QPACK_BYTES: usize = 1;
/// Unidirectional streams that each side opens for HTTP/3: control, QPACK encoder and decoder.
pub(super) const HTTP3_STREAMS: u64 = 3;
/// An extended CONNECT in a HEADERS frame (RFC 9220), as a browser writes it with Origin and User-Agent.
pub(super) const REQUEST_BYTES: usize = 280;
/// The answer in a HEADERS frame.
pub(super) const ANSWER_BYTES: usize = 12;
/// The session's number: the stream of its request.
pub(super) const SESSION: u64 = 0;
/// The type of a WebTransport stream of the server (draft-ietf-webtrans-http3 §4.2), and of one in both directions.
pub(super) const UNI_STREAM_TYPE: u64 = 0x54;
pub(super) const BIDI_STREAM_TYPE: u64 = 0x41;
/// Bytes of a stream's type and session.
pub(super) const STREAM_HEADER_BYTES: usize = 3;
/// Bytes of the session's number in a datagram (RFC 9297 §2.1).
pub(super) const DATAGRAM_HEADER_BYTES: usize = 1;

/// The stream of the request and its answer.
pub(super) fn request_stream() -> StreamId {
    StreamId::new(Side::Client, Dir::Bi, 0)
}

/// The stream of the session's control items.
pub(super) fn control_stream() -> StreamId {
    StreamId::new(Side::Client, Dir::Bi, 1)
}

/// The control stream of HTTP/3 that `side` opens.
pub(super) fn settings_stream(side: Side) -> StreamId {
    StreamId::new(side, Dir::Uni, 0)
}
