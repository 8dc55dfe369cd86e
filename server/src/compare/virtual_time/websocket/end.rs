//! One end of a WebSocket: TCP below, frames above.

use bytes::{Buf, Bytes, BytesMut};
use sluice_shared::time::Time;
use sluice_tcp::Endpoint;

use super::frames::{self, Kind, Writer};

/// Bytes read from TCP at once.
const READ_BYTES: usize = 64 * 1024;

/// A TCP endpoint, what it has not taken yet, and what was read of the next frame.
#[derive(Debug)]
pub(super) struct End {
    pub(super) tcp: Endpoint,
    writer: Writer,
    writing: BytesMut,
    reading: BytesMut,
    /// Bytes of the HTTP exchange that this end still has to read before frames begin.
    http_bytes_left: usize,
}

impl End {
    /// An end that reads `http_bytes` of HTTP before frames begin.
    pub(super) fn new(tcp: Endpoint, writer: Writer, http_bytes: usize) -> Self {
        Self { tcp, writer, writing: BytesMut::new(), reading: BytesMut::new(), http_bytes_left: http_bytes }
    }

    /// Writes bytes that are no frame.
    pub(super) fn write_http(&mut self, bytes: usize, now: Time) {
        self.writing.resize(self.writing.len() + bytes, b' ');
        self.flush(now);
    }

    /// Writes a frame.
    pub(super) fn write_frame(&mut self, kind: Kind, payload: &[u8], now: Time) {
        frames::write(&mut self.writing, kind, payload, self.writer);
        self.flush(now);
    }

    /// Bytes that TCP has not taken.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.writing.len()
    }

    /// Hands TCP as much as it takes.
    pub(super) fn flush(&mut self, now: Time) {
        while !self.writing.is_empty() {
            match self.tcp.write(&self.writing, now) {
                Ok(taken) if taken > 0 => self.writing.advance(taken),
                // It is full, or over, which the connection's owner sees by its end reason.
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Reads what has arrived; whether the HTTP exchange is over at this end since this call.
    pub(super) fn read(&mut self, now: Time) -> bool {
        let was_http = self.http_bytes_left > 0;
        while let Some(mut bytes) = self.tcp.read(READ_BYTES, now) {
            let http = bytes.len().min(self.http_bytes_left);
            self.http_bytes_left -= http;
            bytes.advance(http);
            self.reading.extend_from_slice(&bytes);
        }
        was_http && self.http_bytes_left == 0
    }

    /// The next whole frame that has been read.
    pub(super) fn take_frame(&mut self) -> Option<(Kind, Bytes)> {
        frames::take(&mut self.reading)
    }

    /// Whether frames have begun at this end.
    pub(super) const fn speaks_frames(&self) -> bool {
        self.http_bytes_left == 0
    }
}
