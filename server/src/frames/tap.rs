//! Where a connection's bytes are looked at.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use sluice_shared::link::Direction;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::board::Board;
use super::inspector::Inspector;
use super::outlet::Outlet;
use crate::clock::Clock;

/// Follows one connection of a lab.
#[derive(Debug)]
pub(crate) struct Tap {
    board: Arc<Board>,
    connection: u64,
    clock: Clock,
    state: Mutex<TapState>,
}

#[derive(Debug)]
struct TapState {
    inspector: Inspector,
    /// Whoever looks on.
    outlet: Option<Arc<Outlet>>,
}

impl Tap {
    pub(super) fn new(board: Arc<Board>, connection: u64, clock: Clock) -> Self {
        Self {
            board,
            connection,
            clock,
            state: Mutex::new(TapState { inspector: Inspector::new(), outlet: None }),
        }
    }

    /// Names the lane that the connection carries.
    pub(crate) fn name_lane(self: &Arc<Self>, lane: u16) {
        self.board.name_lane(lane, self);
    }

    /// Tells `outlet` what passes from here on.
    pub(super) fn attach(&self, outlet: Arc<Outlet>) {
        let mut state = self.state.lock();
        outlet.attach(self.connection, &state.inspector);
        state.outlet = Some(outlet);
    }

    /// Tells `outlet` nothing more.
    pub(super) fn detach(&self, outlet: &Arc<Outlet>) {
        self.state.lock().outlet.take_if(|attached| Arc::ptr_eq(attached, outlet));
    }

    fn handle_bytes(&self, direction: Direction, bytes: &[u8]) {
        let TapState { inspector, outlet } = &mut *self.state.lock();
        let at = self.clock.now();
        match outlet {
            None => inspector.handle_bytes(direction, bytes, at, None),
            Some(outlet) => outlet.look(inspector, direction, bytes, at),
        }
    }

    fn handle_end(&self) {
        if let Some(outlet) = self.state.lock().outlet.take() {
            outlet.handle_end();
        }
    }
}

/// A connection that a [`Tap`] follows, if it has one.
#[derive(Debug)]
pub(crate) struct Tapped<IO> {
    io: IO,
    tap: Option<Arc<Tap>>,
}

impl<IO> Tapped<IO> {
    /// Lets `tap` see what passes through `io`.
    pub(crate) const fn new(io: IO, tap: Option<Arc<Tap>>) -> Self {
        Self { io, tap }
    }
}

impl<IO> Drop for Tapped<IO> {
    fn drop(&mut self) {
        if let Some(tap) = &self.tap {
            tap.handle_end();
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Tapped<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        if let Some(tap) = &self.tap {
            tap.handle_bytes(Direction::Up, &buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Tapped<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, bytes))?;
        if let Some(tap) = &self.tap {
            tap.handle_bytes(Direction::Down, &bytes[..written]);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, slices))?;
        if let Some(tap) = &self.tap {
            let mut left = written;
            for slice in slices {
                let here = left.min(slice.len());
                tap.handle_bytes(Direction::Down, &slice[..here]);
                left -= here;
            }
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
