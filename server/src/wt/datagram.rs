//! Datagrams (RFC 9221) that carry data.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use sluice_relay::ServerWrite;
use sluice_shared::session::Batch;
use sluice_shared::time::Time;
use sluice_shared::wire::Hop;
use wtransport::quinn;

use super::data::Path;
use super::settings::DATAGRAM_BUFFER_BYTES;
use super::uni::{left, put_varint};
use crate::session::{Ended, Transit};

/// The datagram that is filled, and those that quinn has not sent.
pub(super) struct DatagramLane {
    path: Path,
    /// The next datagram, behind the session's number.
    out: BytesMut,
    header_bytes: usize,
    /// The datagram that waits for room in quinn.
    waiting: Option<(usize, Sending)>,
    transit: Transit,
}

type Sending = Pin<Box<dyn Future<Output = Result<(), quinn::SendDatagramError>> + Send>>;

impl DatagramLane {
    pub(super) fn new(path: Path) -> Self {
        Self { path, out: BytesMut::new(), header_bytes: 0, waiting: None, transit: Transit::default() }
    }

    /// Where to append, and how many bytes the path takes in one datagram; `None` while one is full.
    pub(super) fn room(&mut self) -> Option<(usize, &mut BytesMut)> {
        if self.waiting.is_some() || self.out.len() > self.header_bytes {
            return None;
        }
        if self.out.is_empty() {
            // A datagram names its session by a quarter of the session's stream id (RFC 9297 §2.1).
            put_varint(&mut self.out, self.path.session_id() / 4);
            self.header_bytes = self.out.len();
        }
        let most = self.path.quic().max_datagram_size().unwrap_or(0);
        Some((most.saturating_sub(self.header_bytes), &mut self.out))
    }

    /// A batch was appended.
    pub(super) fn seal(&mut self, batch: Batch) {
        self.transit.push(batch);
        self.path.tell(ServerWrite::Datagram);
    }

    /// Hands the datagram over, unless quinn would have to drop another one for it: then it waits.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if let Some((_, sending)) = &mut self.waiting {
            let sent = ready!(sending.as_mut().poll(cx));
            self.waiting = None;
            check(sent)?;
        }
        if self.out.len() <= self.header_bytes {
            return Poll::Ready(Ok(()));
        }
        let datagram = self.out.split().freeze();
        self.header_bytes = 0;
        let connection = self.path.quic();
        if datagram.len() <= connection.datagram_send_buffer_space() {
            check(connection.send_datagram(datagram))?;
            return Poll::Ready(Ok(()));
        }
        let (length, connection) = (datagram.len(), connection.clone());
        self.waiting = Some((length, Box::pin(async move { connection.send_datagram_wait(datagram).await })));
        // Once more, so that the datagram's own wait is registered.
        self.poll_flush(cx)
    }

    /// What waits here and in quinn.
    pub(super) fn hop(&mut self, now: Time) -> Hop {
        let in_quinn = DATAGRAM_BUFFER_BYTES.saturating_sub(self.path.quic().datagram_send_buffer_space());
        let waiting = self.waiting.as_ref().map_or(0, |(length, _)| *length);
        let bytes = in_quinn + waiting + (self.out.len() - self.header_bytes);
        self.transit.held(bytes as u64, DATAGRAM_BUFFER_BYTES as u64, now)
    }
}

fn check(sent: Result<(), quinn::SendDatagramError>) -> Result<(), Ended> {
    match sent {
        Ok(()) => Ok(()),
        // The path's limit has shrunk since the datagram was filled. Its receiver counts it as lost by the network.
        Err(quinn::SendDatagramError::TooLarge) => {
            tracing::error!("a datagram was lost: the path has begun to take only smaller ones");
            Ok(())
        }
        Err(
            error @ (quinn::SendDatagramError::UnsupportedByPeer
            | quinn::SendDatagramError::Disabled
            | quinn::SendDatagramError::ConnectionLost(_)),
        ) => Err(left(error)),
    }
}
