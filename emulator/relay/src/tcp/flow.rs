//! A conversation behind a lock, driven by whoever has something for it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use parking_lot::Mutex;
use sluice_shared::lab::{Congestion, NextConnection};
use sluice_shared::time::Time;
use sluice_tcp::{EndReason, Info};
use tokio::sync::mpsc;

use super::conversation::Conversation;
use super::state::{Aftermath, Application, FlowState};
use super::stream::RampStream;
use crate::agenda::Timer;
use crate::engine::Engine;
use crate::network::{Core, FlowId, NextBegun, Settings};
use crate::tap::Ports;

/// A TCP connection of a network.
pub(crate) struct TcpFlow {
    id: FlowId,
    peer: SocketAddr,
    pub(super) congestion: Congestion,
    engine: Arc<Engine>,
    core: Weak<Core>,
    pub(super) begun: NextBegun,
    me: Weak<Self>,
    pub(super) state: Mutex<FlowState>,
}

impl TcpFlow {
    /// A connection that is about to begin; the server gets it from `ramp`.
    pub(super) fn new(
        id: FlowId,
        settings: &Settings,
        core: &Arc<Core>,
        peer: SocketAddr,
        server_port: u16,
        congestion: Congestion,
        ramp: mpsc::Sender<RampStream>,
    ) -> Arc<Self> {
        let engine = Arc::clone(core.engine());
        let ports = Ports { client: peer.port(), server: server_port };
        let seed = settings.weather.seed.wrapping_add(id.0);
        let now = engine.clock.now();
        Arc::new_cyclic(|me| Self {
            id,
            peer,
            congestion,
            core: Arc::downgrade(core),
            begun: Arc::new(Mutex::new(NextConnection {
                flow: id.0,
                syn_at: Some(now),
                ..NextConnection::default()
            })),
            me: Weak::clone(me),
            state: Mutex::new(FlowState {
                conversation: Conversation::new(settings, congestion, seed, core.tap(), ports, now),
                timer: Timer::new(engine.next_key()),
                ramp: Some(ramp),
                client: Application::default(),
                server: Application::default(),
                fin_timeout_at: None,
                is_silent: false,
                has_ended: false,
            }),
            engine,
        })
    }

    pub(super) const fn id(&self) -> FlowId {
        self.id
    }

    pub(super) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The server's end.
    pub(super) fn info(&self) -> Info {
        self.state.lock().conversation.server.info()
    }

    /// Sends the first segment.
    pub(super) fn start(&self) {
        self.drive(|_, _| ());
    }

    /// Waits until the client's end has room, and tells how much; an error when the connection has ended.
    pub(super) fn poll_client_room(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.drive(|state, now| {
            let client = &mut state.conversation.client;
            if client.send_buffer_free_bytes() == 0 {
                // It grows for writers who have more than fits in. This one's is in the socket, so it offers a byte that
                // finds no room.
                client.write(&[0], now)?;
            }
            let room = client.send_buffer_free_bytes();
            if let Some(reason) = client.end_reason() {
                return Poll::Ready(Err(reason.into()));
            }
            if room == 0 {
                state.client.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(Ok(usize::try_from(room).unwrap_or(usize::MAX)))
        })
    }

    /// Writes at the client's end, which must have room.
    pub(super) fn write_at_client(&self, data: &[u8]) -> io::Result<()> {
        self.drive(|state, now| match state.conversation.client.write(data, now) {
            Ok(taken) if taken == data.len() => Ok(()),
            Ok(_) => Err(io::Error::other("more than there was room for")),
            Err(error) => Err(error.into()),
        })
    }

    /// Reads at the client's end into `buffer` until that holds `most` bytes or there is nothing more; tells whether
    /// anything came, which it does not at the end of the stream only.
    pub(super) fn poll_read_at_client(
        &self,
        buffer: &mut Vec<u8>,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        self.drive(|state, now| {
            let before = buffer.len();
            while buffer.len() < most
                && let Some(data) = state.conversation.read_at_client(most - buffer.len(), now)
            {
                buffer.extend_from_slice(&data);
            }
            if buffer.len() > before {
                return Poll::Ready(Ok(true));
            }
            if state.conversation.client.is_read_finished() {
                return Poll::Ready(
                    EndReason::read_result(state.conversation.client.end_reason()).map(|()| false),
                );
            }
            state.client.reader = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    /// The client's application has written everything.
    pub(super) fn close_at_client(&self) {
        self.drive(|state, now| {
            state.conversation.client.close(now);
            // Its goodbye gets nowhere, so no answer will tell that it has left.
            state.client.is_gone |= state.is_silent;
        });
    }

    /// The client's application has gone: by closing both ways, or without a word.
    pub(super) fn leave_client(&self, is_broken: bool) {
        self.drive(|state, now| {
            if is_broken {
                state.conversation.client.abort(now);
            }
            state.client = Application { is_gone: true, ..Application::default() };
        });
    }

    /// Reads at the server's end into the rest of `buffer`; nothing at the end of the stream.
    pub(super) fn poll_read_at_server(
        &self,
        buffer: &mut tokio::io::ReadBuf<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.drive(|state, now| {
            let server = &mut state.conversation.server;
            let before = buffer.filled().len();
            while buffer.remaining() > 0
                && let Some(data) = server.read(buffer.remaining(), now)
            {
                buffer.put_slice(&data);
            }
            if buffer.filled().len() > before || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if server.is_read_finished() {
                return Poll::Ready(EndReason::read_result(server.end_reason()));
            }
            state.server.reader = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    /// Writes at the server's end as much as there is room for.
    pub(super) fn poll_write_at_server(&self, data: &[u8], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.drive(|state, now| match state.conversation.write_at_server(data, now) {
            Ok(0) if !data.is_empty() => {
                state.server.writer = Some(cx.waker().clone());
                Poll::Pending
            }
            Ok(taken) => Poll::Ready(Ok(taken)),
            Err(error) => Poll::Ready(Err(error.into())),
        })
    }

    /// The server's application has written everything.
    pub(super) fn close_at_server(&self) {
        self.drive(|state, now| state.conversation.server.close(now));
    }

    /// The server's application breaks the connection.
    pub(super) fn abort_at_server(&self) {
        self.drive(|state, now| state.conversation.server.abort(now));
    }

    /// The server's application has gone: as in Linux a reset, if it leaves something unread.
    pub(super) fn leave_server(&self) {
        self.drive(|state, now| {
            let server = &mut state.conversation.server;
            if server.info().unread_bytes > 0 {
                server.abort(now);
            } else {
                server.close(now);
            }
            state.server = Application { is_gone: true, ..Application::default() };
        });
    }

    /// Does something, brings everything to now, and tells those who wait for what came of it.
    pub(super) fn drive<R>(&self, act: impl FnOnce(&mut FlowState, Time) -> R) -> R {
        let (result, aftermath) = {
            let mut state = self.state.lock();
            let now = self.engine.clock.now();
            let result = act(&mut state, now);
            (result, self.settle(&mut state, now))
        };
        for waker in aftermath.wakers.into_iter().flatten() {
            waker.wake();
        }
        if let Some(core) = self.core.upgrade() {
            if let (Some(ramp), Some(me)) = (aftermath.established, self.me.upgrade()) {
                // A ramp that was dropped drops the stream, which closes the connection.
                drop(ramp.try_send(RampStream::new(me, Arc::clone(&core))));
            }
            if aftermath.is_over {
                core.remove(self.id);
            }
        }
        result
    }

    fn settle(&self, state: &mut FlowState, now: Time) -> Aftermath {
        state.conversation.settle(now);
        if state.server.is_gone {
            state.watch_abandoned_server(now);
        }
        // A server that never got the connection has nobody who could be waiting.
        let is_server_gone = state.server.is_gone || state.ramp.is_some();
        if state.is_silent && state.client.is_gone && is_server_gone {
            // The protocol would never come to its end.
            state.conversation.client.abort(now);
            state.conversation.server.abort(now);
        }
        let mut aftermath = Aftermath { wakers: state.take_wakers(), ..Aftermath::default() };
        if state.conversation.server.is_established() {
            aftermath.established = state.ramp.take();
            let mut begun = self.begun.lock();
            begun.established_at.get_or_insert(now);
            begun.first_byte_at = state.conversation.first_byte_at;
        }
        if !state.has_ended && state.client.is_gone && is_server_gone && state.conversation.is_over() {
            state.has_ended = true;
            state.ramp = None;
            aftermath.is_over = true;
        }
        if state.has_ended {
            state.timer.cancel(&self.engine.agenda);
        } else {
            let wanted =
                [state.conversation.poll_timeout(), state.fin_timeout_at].into_iter().flatten().min();
            state.timer.set(wanted, &self.engine.agenda, &self.me);
        }
        aftermath
    }
}
