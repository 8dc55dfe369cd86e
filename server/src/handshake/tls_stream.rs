//! TLS over a stream, with early data in both directions.
//!
//! A stream library that hides the handshake gives a server no early data before the client's Finished has come, which is
//! the round trip that early data is to save; so this drives rustls itself.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use rustls::{ClientConnection, ServerConnection};
use sluice_shared::time::Time;
use sluice_wire::StageHandle;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most plaintext that waits to be encrypted or sent, bytes.
const WRITE_BYTES: usize = 64 << 10;

/// What became of a handshake, for those who watch.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<State>);

#[derive(Debug, Default)]
struct State {
    secure_at: Mutex<Option<Time>>,
    early: AtomicU8,
}

/// What became of a client's early data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Early {
    /// There was none.
    #[default]
    None,
    /// It was sent, and the server has not said what it does with it.
    Offered,
    /// The server has taken it.
    Accepted,
    /// The server has not: it was sent again.
    Rejected,
}

impl Progress {
    /// When this end had the other's Finished.
    pub(super) fn secure_at(&self) -> Option<Time> {
        *self.0.secure_at.lock()
    }

    pub(super) fn is_secure(&self) -> bool {
        self.secure_at().is_some()
    }

    pub(super) fn on_secure(&self, now: Time) {
        self.0.secure_at.lock().get_or_insert(now);
    }

    pub(super) fn early(&self) -> Early {
        match self.0.early.load(Ordering::Relaxed) {
            1 => Early::Offered,
            2 => Early::Accepted,
            3 => Early::Rejected,
            _ => Early::None,
        }
    }

    pub(super) fn on_early(&self, early: Early) {
        self.0.early.store(early as u8, Ordering::Relaxed);
    }
}

/// One end of a TLS connection.
#[derive(Debug)]
enum End {
    Client(Box<ClientConnection>),
    Server(Box<ServerConnection>),
}

/// A TLS connection over `io`; the handshake happens while it is read and written.
///
/// What is written leaves with the next flush, or when there is much of it, so that what belongs together shares packets.
/// What a client writes before the handshake is over rides in early data as far as the ticket allows, and is sent again
/// if the server does not take it. A server reads early data like all other.
#[derive(Debug)]
pub(super) struct TlsStream<S> {
    io: S,
    end: End,
    stage: StageHandle,
    progress: Progress,
    /// What a client has sent as early data, until the server has said that it took it.
    early: Vec<u8>,
    is_settled: bool,
    is_at_end: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// A client's end, which tells `progress`; nothing is sent before it is first polled.
    pub(super) fn client(io: S, tls: ClientConnection, stage: &StageHandle, progress: &Progress) -> Self {
        Self::new(io, End::Client(Box::new(tls)), stage, progress)
    }

    /// A server's end, which tells `progress`.
    pub(super) fn server(io: S, tls: ServerConnection, stage: &StageHandle, progress: &Progress) -> Self {
        Self::new(io, End::Server(Box::new(tls)), stage, progress)
    }

    fn new(io: S, end: End, stage: &StageHandle, progress: &Progress) -> Self {
        let (progress, stage) = (progress.clone(), stage.clone());
        Self { io, end, stage, progress, early: Vec::new(), is_settled: false, is_at_end: false }
    }

    /// Reads and writes records as far as the connection below goes.
    fn turn(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        loop {
            let mut has_moved = self.send(cx)?;
            if self.end.wants_read() && !self.is_at_end {
                let mut below = Below { io: &mut self.io, cx };
                match self.end.read_tls(&mut below) {
                    Ok(count) => {
                        self.is_at_end = count == 0;
                        has_moved = true;
                        if let Err(error) = self.end.process() {
                            // The alert that says why goes out, if it can.
                            self.send(cx)?;
                            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            self.settle()?;
            if !has_moved {
                return Ok(());
            }
        }
    }

    fn send(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut has_moved = false;
        while self.end.wants_write() {
            let mut below = Below { io: &mut self.io, cx };
            match self.end.write_tls(&mut below) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => has_moved = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(has_moved)
    }

    /// Once the handshake is over: what became of early data.
    fn settle(&mut self) -> io::Result<()> {
        if self.is_settled || self.end.is_handshaking() {
            return Ok(());
        }
        self.is_settled = true;
        self.progress.on_secure(self.stage.now());
        let early = std::mem::take(&mut self.early);
        let End::Client(tls) = &mut self.end else { return Ok(()) };
        if early.is_empty() {
            return Ok(());
        }
        if tls.is_early_data_accepted() {
            self.progress.on_early(Early::Accepted);
            return Ok(());
        }
        self.progress.on_early(Early::Rejected);
        tls.writer().write_all(&early)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // What is there is given out before an error of the connection.
        let turned = this.turn(cx);
        match this.end.read(buffer.initialize_unfilled()) {
            Ok(count) => {
                buffer.advance(count);
                // Taking plaintext may make room for more of what has come.
                turned?;
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                turned?;
                if this.is_at_end { Poll::Ready(Ok(())) } else { Poll::Pending }
            }
            // The peer has gone without a close_notify, as many do.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let End::Client(tls) = &mut this.end
            && tls.is_handshaking()
        {
            if let Some(mut early) = tls.early_data() {
                let count = early.write(data)?;
                if count > 0 {
                    this.early.extend_from_slice(data.get(..count).unwrap_or_default());
                    this.progress.on_early(Early::Offered);
                    return Poll::Ready(Ok(count));
                }
            }
            this.turn(cx)?;
            if this.end.is_handshaking() {
                return Poll::Pending;
            }
        }
        let mut count = this.end.write(data)?;
        if count == 0 && !data.is_empty() {
            this.turn(cx)?;
            count = this.end.write(data)?;
        }
        if count == 0 && !data.is_empty() { Poll::Pending } else { Poll::Ready(Ok(count)) }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.turn(cx)?;
        // A client's flight is on its way as soon as the connection below has it, whatever becomes of the handshake.
        if this.end.wants_write() { Poll::Pending } else { Pin::new(&mut this.io).poll_flush(cx) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.end.close();
        this.turn(cx)?;
        if this.end.wants_write() {
            return Poll::Pending;
        }
        ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}

/// The connection below, as rustls reads and writes.
struct Below<'a, 'b, S> {
    io: &'a mut S,
    cx: &'a mut Context<'b>,
}

impl<S: AsyncRead + Unpin> Read for Below<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.io).poll_read(self.cx, &mut buffer) {
            Poll::Ready(result) => result.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: AsyncWrite + Unpin> Write for Below<'_, '_, S> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.io).poll_write(self.cx, data) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Records that are ready together leave together, as a socket's vectored write lets them.
    fn write_vectored(&mut self, records: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let mut together = Vec::new();
        for record in records {
            together.extend_from_slice(record.get(..record.len().min(WRITE_BYTES)).unwrap_or_default());
            if together.len() >= WRITE_BYTES {
                break;
            }
        }
        self.write(&together)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What both ends do alike.
impl End {
    fn is_handshaking(&self) -> bool {
        match self {
            Self::Client(tls) => tls.is_handshaking(),
            Self::Server(tls) => tls.is_handshaking(),
        }
    }

    fn wants_read(&self) -> bool {
        match self {
            Self::Client(tls) => tls.wants_read(),
            // Early data that nobody has taken must not keep the handshake waiting.
            Self::Server(tls) => tls.wants_read() || tls.is_handshaking(),
        }
    }

    fn wants_write(&self) -> bool {
        match self {
            Self::Client(tls) => tls.wants_write(),
            Self::Server(tls) => tls.wants_write(),
        }
    }

    fn read_tls(&mut self, from: &mut dyn Read) -> io::Result<usize> {
        match self {
            Self::Client(tls) => tls.read_tls(from),
            Self::Server(tls) => tls.read_tls(from),
        }
    }

    fn write_tls(&mut self, to: &mut dyn Write) -> io::Result<usize> {
        match self {
            Self::Client(tls) => tls.write_tls(to),
            Self::Server(tls) => tls.write_tls(to),
        }
    }

    fn process(&mut self) -> Result<(), rustls::Error> {
        match self {
            Self::Client(tls) => tls.process_new_packets().map(drop),
            Self::Server(tls) => tls.process_new_packets().map(drop),
        }
    }

    /// Takes plaintext out: at a server early data first.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Client(tls) => tls.reader().read(buffer),
            Self::Server(tls) => {
                if let Some(mut early) = tls.early_data() {
                    let count = early.read(buffer)?;
                    if count > 0 {
                        return Ok(count);
                    }
                }
                tls.reader().read(buffer)
            }
        }
    }

    /// Takes as much of `data` as there is room for.
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let data = data.get(..data.len().min(WRITE_BYTES)).unwrap_or_default();
        match self {
            Self::Client(tls) => tls.writer().write(data),
            Self::Server(tls) => tls.writer().write(data),
        }
    }

    fn close(&mut self) {
        match self {
            Self::Client(tls) => tls.send_close_notify(),
            Self::Server(tls) => tls.send_close_notify(),
        }
    }
}
