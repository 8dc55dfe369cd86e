//! A session over a WebSocket.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::{Sink, SinkExt, StreamExt};
use sluice_relay::NetworkId;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::session::Batch;
use sluice_shared::time::Time;
use sluice_shared::wire::codec::{FrameItems, write_server_control};
use sluice_shared::wire::{
    ClientItem, CloseCode, EchoBlock, Goodbye, Hop, Inbound, PathSample, ServerControl, StreamInfo,
    TransportFacts,
};
use tokio::time::{Instant, timeout};
use tungstenite::Message;

use super::closing::{close_frame, read_error};
use super::fragments::Fragments;
use super::handshake::Socket;
use super::liveness::{Due, Liveness};
use crate::http::Peer;
use crate::session::{Carrier, EchoQueue, Ended, Lane, Limits, Outlet, Transit};

/// One WebSocket: control items and data share each frame, control first.
pub(super) struct WsCarrier {
    socket: Socket,
    peer: Peer,
    liveness: Liveness,
    ping_due: bool,
    /// Items of the frame that is being read.
    items: Option<FrameItems<ClientItem>>,
    /// The next frame.
    out: BytesMut,
    /// Bytes of the frame that is being written; 0 when none is.
    writing_bytes: usize,
    fragments: Fragments,
    transit: Transit,
    /// What the client floods the server with, once it has begun.
    echo: Option<Box<EchoQueue>>,
}

impl WsCarrier {
    pub(super) fn new(socket: Socket, peer: Peer, liveness: Liveness) -> Self {
        Self {
            socket,
            peer,
            liveness,
            ping_due: false,
            items: None,
            out: BytesMut::new(),
            writing_bytes: 0,
            fragments: Fragments::default(),
            transit: Transit::default(),
            echo: None,
        }
    }

    fn poll_ping(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if let Poll::Ready(due) = self.liveness.poll_due(cx) {
            match due {
                Due::Ping => self.ping_due = true,
                Due::Dead => {
                    let timeout = self.liveness.timeout();
                    let reason = format!("nothing was heard for {timeout:?} after a ping");
                    return Poll::Ready(Err(Ended::Refused(CloseCode::Unresponsive, reason)));
                }
            }
        }
        Poll::Pending
    }

    /// Starts to write a message; the library holds it until [`WsCarrier::poll_written`] is ready.
    fn start(&mut self, message: Message) -> Result<(), Ended> {
        self.writing_bytes = self.writing_bytes.saturating_add(message.len().max(1));
        Pin::new(&mut self.socket).start_send(message).map_err(write_error)
    }

    /// Starts to write the frame that was filled, whole or in fragments.
    fn start_frame(&mut self) -> Result<(), Ended> {
        let frame = self.out.split().freeze();
        let Some(fragments) = self.fragments.cut(frame.clone(), Instant::now()) else {
            return self.start(Message::Binary(frame));
        };
        fragments.into_iter().try_for_each(|fragment| self.start(fragment))
    }

    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        ready!(Pin::new(&mut self.socket).poll_flush(cx)).map_err(write_error)?;
        self.writing_bytes = 0;
        // Who is not read can't be heard; that it takes what is sent shows that it is there.
        if self.echo.as_ref().is_some_and(|echo| echo.has_stopped()) {
            self.liveness.handle_heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl Outlet for WsCarrier {
    fn control(&mut self) -> Option<&mut BytesMut> {
        (self.out.len() < Limits::CONTROL_BYTES).then_some(&mut self.out)
    }

    fn lanes(&self) -> usize {
        1
    }

    fn lane(&mut self, _index: usize) -> Option<Lane<'_>> {
        Lane::frame(self.writing_bytes > 0, &mut self.out)
    }

    fn seal(&mut self, _index: usize, batch: Batch) {
        self.transit.push(batch);
    }
}

impl Carrier for WsCarrier {
    fn transport(&self) -> Transport {
        Transport::WebSocket
    }

    fn lab(&self) -> Option<NetworkId> {
        self.peer.socket.lab()
    }

    fn facts(&self) -> TransportFacts {
        let reading = self.peer.socket.reading();
        TransportFacts {
            congestion_control: self.peer.socket.congestion_control(),
            initial_window: reading.congestion_window,
            segment: reading.segment_bytes,
            encrypted: self.peer.encrypted,
        }
    }

    fn open_lanes(&mut self, _mode: Mode, _streams: &[StreamInfo]) {}

    fn replace_streams(&mut self, _streams: &[StreamInfo]) {}

    fn set_fragments(&mut self, bytes: u32) -> bool {
        self.fragments.set_size(bytes);
        true
    }

    fn echo(&mut self, block: EchoBlock) -> Result<(), Ended> {
        self.echo.get_or_insert_default().push(block);
        Ok(())
    }

    fn inbound(&self, now: Time) -> Inbound {
        self.echo.as_ref().map_or_else(Inbound::default, |echo| echo.inbound(now))
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<ClientItem, Ended>> {
        loop {
            // Writing what waits wakes this task again.
            if self.echo.as_mut().is_some_and(|echo| !echo.may_read()) {
                return Poll::Pending;
            }
            if let Some(item) = self.items.as_mut().and_then(Iterator::next) {
                return Poll::Ready(match item {
                    Ok((item, _)) => Ok(item),
                    Err(error) => Err(Ended::malformed(&error)),
                });
            }
            self.items = None;
            let Some(message) = ready!(self.socket.poll_next_unpin(cx)) else {
                return Poll::Ready(Err(Ended::Left("the connection is gone".to_owned())));
            };
            self.liveness.handle_heard();
            let message = match message {
                Ok(message) => message,
                Err(error) => return Poll::Ready(Err(read_error(error))),
            };
            match message {
                Message::Binary(frame) => self.items = Some(FrameItems::new(frame)),
                Message::Text(_) => {
                    let reason = "text messages are not taken here, binary ones alone".to_owned();
                    return Poll::Ready(Err(Ended::Refused(CloseCode::Protocol, reason)));
                }
                // The library answers pings, and joins fragments.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                Message::Close(frame) => {
                    let code = frame.map_or(1005, |frame| u16::from(frame.code));
                    return Poll::Ready(Err(Ended::Left(format!("closed with code {code}"))));
                }
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if let Poll::Ready(Err(dead)) = self.poll_ping(cx) {
            return Poll::Ready(Err(dead));
        }
        loop {
            if self.writing_bytes > 0 {
                ready!(self.poll_written(cx))?;
            }
            if self.ping_due {
                self.ping_due = false;
                self.start(Message::Ping(Bytes::new()))?;
                continue;
            }
            // One block a frame, behind what else it carries, so that a flood takes no more than its part.
            if let Some(block) = self.echo.as_mut().and_then(|echo| echo.next(cx)) {
                self.transit.push_other(block.payload.len() as u64);
                write_server_control(&mut self.out, &ServerControl::Echo(block));
            }
            if !self.out.is_empty() {
                self.start_frame()?;
            } else {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn sample(&mut self, now: Time) -> (Hop, PathSample) {
        let reading = self.peer.socket.reading();
        let waiting = (self.out.len() + self.writing_bytes) as u64;
        let unsent = reading.unsent.unwrap_or(0);
        let bound = reading.send_buffer.unwrap_or(0) + 2 * Limits::WRITE_BYTES as u64;
        let hop = self.transit.held(waiting + unsent, bound, now);
        (hop, reading.path())
    }

    async fn close(mut self, goodbye: Option<Goodbye>) {
        self.echo = None;
        let patience = Limits::farewell(goodbye.as_ref());
        let farewell = async {
            if let Some(goodbye) = goodbye {
                let close = close_frame(goodbye.code, &goodbye.reason);
                write_server_control(&mut self.out, &ServerControl::Goodbye(goodbye));
                std::future::poll_fn(|cx| self.poll_flush(cx)).await.ok()?;
                self.socket.send(close).await.ok()?;
            }
            // The peer answers a close frame with another, or has sent its own, which is answered by closing.
            while let Some(Ok(_)) = self.socket.next().await {}
            self.socket.close(None).await.ok()
        };
        if timeout(patience, farewell).await.is_err() {
            tracing::debug!(address = %self.peer.address, "a client did not take its goodbye");
        }
    }
}

fn write_error(error: tungstenite::Error) -> Ended {
    Ended::Left(error.to_string())
}
