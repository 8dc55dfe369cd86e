//! Streams whose QUIC endpoint is in a backend's process.

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Buf as _;
use tokio::io::ReadBuf;

use super::connection::Connection;
use super::message::Order;
use super::remote::READ_WINDOW_BYTES;
use crate::session::{Ended, Limits};

/// A stream on its way to the client. At most [`Limits::WRITE_BYTES`] of it are under way to QUIC.
#[derive(Debug)]
pub(crate) struct SendStream {
    connection: Connection,
    id: u64,
    has_ended: bool,
}

/// A stream on its way from the client. At most [`READ_WINDOW_BYTES`] of it are under way from QUIC.
#[derive(Debug)]
pub(crate) struct RecvStream {
    connection: Connection,
    id: u64,
}

impl SendStream {
    pub(super) const fn new(connection: Connection, id: u64) -> Self {
        Self { connection, id, has_ended: false }
    }

    /// Its number in its connection.
    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    /// Bytes that were handed over, and that QUIC has not taken.
    pub(crate) fn untaken_bytes(&self) -> usize {
        let remote = self.connection.of_stream();
        remote.with(|state| state.written.get(&self.id).map_or(0, |written| written.untaken))
    }

    /// Hands over what there is room for, and says how much that is.
    ///
    /// # Errors
    /// The client wants no more of it, or is gone.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Ended>> {
        let remote = self.connection.of_stream();
        remote.poll(cx, |state| {
            if let Err(gone) = state.gone() {
                return Poll::Ready(Err(gone));
            }
            let Some(written) = state.written.get_mut(&self.id) else {
                return Poll::Ready(Err(Ended::Left("the stream is gone".to_owned())));
            };
            if let Some(why) = &written.failed {
                return Poll::Ready(Err(Ended::Left(why.clone())));
            }
            let room = Limits::WRITE_BYTES.saturating_sub(written.untaken).min(bytes.len());
            if room == 0 || remote.is_crowded() {
                return Poll::Pending;
            }
            written.untaken += room;
            if written.is_uni {
                state.add_untaken(room);
            }
            remote.order(Order::Write { stream: self.id }, bytes.get(..room).unwrap_or_default());
            Poll::Ready(Ok(room))
        })
    }

    /// Goes before streams of a lower priority.
    pub(crate) fn set_priority(&self, priority: i32) {
        self.connection.of_stream().order(Order::Prioritise { stream: self.id, priority }, b"");
    }

    /// Ends the stream after what was written.
    pub(crate) fn finish(&mut self) {
        let remote = self.connection.of_stream();
        if !std::mem::replace(&mut self.has_ended, true) && remote.with(|state| state.gone().is_ok()) {
            remote.order(Order::Finish { stream: self.id }, b"");
        }
    }

    /// Completes when the client has acknowledged all of a bidirectional stream, which has ended, or wants no more of it.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) fn settled(&self) -> impl Future<Output = Result<(), Ended>> + Send + use<> {
        let (connection, id) = (self.connection.clone(), self.id);
        async move {
            poll_fn(|cx| {
                connection.of_stream().poll(cx, |state| match state.written.get(&id) {
                    Some(written) if !written.is_settled && written.failed.is_none() => {
                        state.gone().map_or_else(|gone| Poll::Ready(Err(gone)), |()| Poll::Pending)
                    }
                    Some(_) | None => Poll::Ready(Ok(())),
                })
            })
            .await
        }
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        self.finish();
        self.connection.of_stream().with(|state| {
            if let Some(written) = state.written.get_mut(&self.id) {
                written.is_left = true;
                if written.untaken == 0 {
                    state.written.remove(&self.id);
                }
            }
        });
    }
}

impl RecvStream {
    pub(super) const fn new(connection: Connection, id: u64) -> Self {
        Self { connection, id }
    }

    /// Reads what has come; nothing when the stream has ended.
    ///
    /// # Errors
    /// The client has given it up, or is gone.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Ended>> {
        let remote = self.connection.of_stream();
        remote.poll(cx, |state| {
            let gone = state.gone();
            let Some(read) = state.read.get_mut(&self.id) else {
                return Poll::Ready(Err(Ended::Left("the stream is gone".to_owned())));
            };
            let taken = read.waiting.len().min(into.remaining());
            if taken > 0 {
                into.put_slice(read.waiting.get(..taken).unwrap_or_default());
                read.waiting.advance(taken);
                read.untold += taken;
                if read.untold >= READ_WINDOW_BYTES / 2 || read.waiting.is_empty() {
                    let bytes = std::mem::take(&mut read.untold);
                    remote.order(Order::Read { stream: self.id, bytes }, b"");
                }
                return Poll::Ready(Ok(()));
            }
            match (&read.failed, read.has_ended, gone) {
                (Some(why), _, _) => Poll::Ready(Err(Ended::Left(why.clone()))),
                (None, true, _) => Poll::Ready(Ok(())),
                (None, false, Err(gone)) => Poll::Ready(Err(gone)),
                (None, false, Ok(())) => Poll::Pending,
            }
        })
    }
}

impl Drop for RecvStream {
    fn drop(&mut self) {
        let remote = self.connection.of_stream();
        let is_read = remote.with(|state| {
            let read = state.read.remove(&self.id);
            state.gone().is_ok() && read.is_some_and(|read| !read.has_ended && read.failed.is_none())
        });
        if is_read {
            remote.order(Order::StopReading { stream: self.id }, b"");
        }
    }
}
