//! The streams of a session: their QUIC endpoint is in this process, or in that of a backend.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, ReadBuf};
use wtransport::quinn;

use super::uni::left;
use crate::backend;
use crate::session::{Ended, Limits};

/// A stream that is written.
pub(crate) enum SendStream {
    /// One that the server has opened.
    Uni(quinn::SendStream),
    /// One way of a stream that the client has opened.
    Bi(wtransport::SendStream),
    /// Either, at a backend.
    Apart(backend::SendStream),
}

/// A stream that is read.
pub(crate) enum RecvStream {
    /// One way of a stream that the client has opened.
    Here(wtransport::RecvStream),
    /// The same, at a backend.
    Apart(backend::RecvStream),
}

impl SendStream {
    /// Writes of `bytes` what is taken, and says how much that is.
    ///
    /// # Errors
    /// The client wants no more of it, or is gone.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Ended>> {
        match self {
            Self::Uni(stream) => poll_write(stream, cx, bytes),
            Self::Bi(stream) => poll_write(stream.quic_stream_mut(), cx, bytes),
            Self::Apart(stream) => stream.poll_write(cx, bytes),
        }
    }

    /// The stream's number in its connection (RFC 9000 §2.1).
    pub(crate) fn id(&self) -> u64 {
        match self {
            Self::Uni(stream) => number(stream),
            Self::Bi(stream) => number(stream.quic_stream()),
            Self::Apart(stream) => stream.id(),
        }
    }

    /// Bytes that were handed over, and that QUIC has not taken: none in this process.
    pub(super) fn untaken_bytes(&self) -> usize {
        match self {
            Self::Uni(_) | Self::Bi(_) => 0,
            Self::Apart(stream) => stream.untaken_bytes(),
        }
    }

    /// As [`SendStream::untaken_bytes`], and how many there may be.
    pub(super) fn under_way(&self) -> (usize, usize) {
        match self {
            Self::Uni(_) | Self::Bi(_) => (0, 0),
            Self::Apart(stream) => (stream.untaken_bytes(), Limits::WRITE_BYTES),
        }
    }

    /// Goes before streams of a lower priority on the wire.
    pub(crate) fn set_priority(&self, priority: i32) {
        match self {
            Self::Uni(stream) => set_priority(stream, priority),
            Self::Bi(stream) => set_priority(stream.quic_stream(), priority),
            Self::Apart(stream) => stream.set_priority(priority),
        }
    }

    /// Ends the stream after what was written.
    pub(crate) fn finish(&mut self) {
        match self {
            Self::Uni(stream) => finish(stream),
            Self::Bi(stream) => finish(stream.quic_stream_mut()),
            Self::Apart(stream) => stream.finish(),
        }
    }

    /// Completes when the client has acknowledged all of the stream, which has ended, or wants no more of it.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) fn settled(&self) -> BoxFuture<'static, Result<(), Ended>> {
        match self {
            Self::Uni(stream) => Box::pin(settled(stream)),
            Self::Bi(stream) => Box::pin(settled(stream.quic_stream())),
            Self::Apart(stream) => Box::pin(stream.settled()),
        }
    }
}

impl RecvStream {
    /// Reads what has come; nothing when the stream has ended.
    ///
    /// # Errors
    /// The client has given it up, or is gone.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        read: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Ended>> {
        match self {
            Self::Here(stream) => Pin::new(stream).poll_read(cx, read).map_err(left),
            Self::Apart(stream) => stream.poll_read(cx, read),
        }
    }
}

/// Writes of `bytes` what quinn takes.
fn poll_write(
    stream: &mut quinn::SendStream,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<Result<usize, Ended>> {
    let written = ready!(Pin::new(stream).poll_write(cx, bytes));
    Poll::Ready(written.map_err(|error| match error {
        // A client that stops a stream would miss messages without a gap, so its connection ends. A client that
        // vanishes stops its streams just before it closes: it has left, and may resume.
        quinn::WriteError::Stopped(_) => Ended::Left("a stream was stopped".to_owned()),
        quinn::WriteError::ConnectionLost(_)
        | quinn::WriteError::ClosedStream
        | quinn::WriteError::ZeroRttRejected => left(error),
    }))
}

/// The stream's number in its connection.
fn number(stream: &quinn::SendStream) -> u64 {
    quinn::VarInt::from(stream.id()).into_inner()
}

fn set_priority(stream: &quinn::SendStream, priority: i32) {
    if let Err(error) = stream.set_priority(priority) {
        tracing::debug!(%error, "a stream had ended before");
    }
}

fn finish(stream: &mut quinn::SendStream) {
    if let Err(error) = stream.finish() {
        tracing::debug!(%error, "a stream had ended before");
    }
}

/// Completes when the client has acknowledged all of the stream, or wants no more of it.
///
/// # Errors
/// The connection is gone.
fn settled(stream: &quinn::SendStream) -> impl Future<Output = Result<(), Ended>> + Send + use<> {
    let settled = stream.stopped();
    async move { settled.await.map(drop).map_err(left) }
}
