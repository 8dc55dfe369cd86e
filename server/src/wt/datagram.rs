//! Datagrams (RFC 9221) that carry data.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use sluice_relay::ServerWrite;
use sluice_shared::session::Batch;
use sluice_shared::time::Time;
use sluice_shared::wire::Hop;

use super::data::Path;
use super::uni::put_varint;
use crate::session::{Ended, Transit};

/// The datagram that is filled, and those that QUIC has not sent.
pub(super) struct DatagramLane {
    path: Path,
    /// The next datagram, behind the session's number.
    out: BytesMut,
    header_bytes: usize,
    /// The datagram that waits for room in QUIC.
    waiting: Option<(usize, Sending)>,
    transit: Transit,
}

type Sending = Pin<Box<dyn Future<Output = Result<(), Ended>> + Send>>;

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
            put_varint(&mut self.out, self.path.connection().session_id() / 4);
            self.header_bytes = self.out.len();
        }
        let most = self.path.connection().max_datagram_bytes();
        Some((most.saturating_sub(self.header_bytes), &mut self.out))
    }

    /// A batch was appended.
    pub(super) fn seal(&mut self, batch: Batch) {
        self.transit.push(batch);
        self.path.tell(ServerWrite::Datagram);
    }

    /// Hands the datagram over, unless another one would have to be dropped for it: then it waits.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if let Some((_, sending)) = &mut self.waiting {
            let sent = ready!(sending.as_mut().poll(cx));
            self.waiting = None;
            sent?;
        }
        if self.out.len() <= self.header_bytes {
            return Poll::Ready(Ok(()));
        }
        let datagram = self.out.split().freeze();
        self.header_bytes = 0;
        let connection = self.path.connection();
        let Some(datagram) = connection.send_datagram(datagram)? else { return Poll::Ready(Ok(())) };
        let (length, connection) = (datagram.len(), connection.clone());
        self.waiting = Some((length, Box::pin(async move { connection.send_datagram_wait(datagram).await })));
        // Once more, so that the datagram's own wait is registered.
        self.poll_flush(cx)
    }

    /// What waits here and below.
    pub(super) fn hop(&mut self, now: Time) -> Hop {
        let connection = self.path.connection();
        let (below, bound_below) = connection.datagrams_held();
        // One waits here, or is filled.
        let bound = bound_below + connection.max_datagram_bytes();
        let waiting = self.waiting.as_ref().map_or(0, |(length, _)| *length);
        let bytes = below + waiting + (self.out.len() - self.header_bytes);
        self.transit.held(bytes as u64, bound as u64, now)
    }
}
