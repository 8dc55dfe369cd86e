//! Floods on each transport: on a WebSocket among all other items, on WebTransport on a separate stream.
//! Called by the driver through the platform's transport handle.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::BytesMut;
use sluice_shared::flood::Flood;
use sluice_shared::wire::codec::write_client_item;
use sluice_shared::wire::{ClientItem, EchoBlock};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{ReadableStream, WebTransport, WebTransportBidirectionalStream, WritableStreamDefaultWriter};

use super::browser_transport::{BrowserTransport, Event, EventSink};
use super::streams::{Writer, bytes_of, detach, read, reader_of};
use sluice_bridge::FloodLevel;

impl BrowserTransport {
    /// True if blocks can be handed over. If not, a stream for them is being opened, and [`Event::Writable`]
    /// follows.
    pub(crate) fn can_flood(&self) -> bool {
        match self {
            Self::Socket(_) | Self::SocketStream(_) => true,
            Self::Transport(transport) => transport.open_flood(),
        }
    }

    /// True if a paced flood may continue. If not, [`Event::Writable`] follows, or on a WebSocket a later
    /// poll finds room.
    pub(crate) fn has_flood_room(&self) -> bool {
        match self {
            Self::Socket(transport) => transport.buffered() < Flood::PACED_BYTES,
            Self::SocketStream(transport) => transport.with_writer(Writer::has_room).unwrap_or(false),
            Self::Transport(transport) => transport.with_flood(Writer::has_room).unwrap_or(false),
        }
    }

    /// Hands over a block, regardless of the queue.
    pub(crate) fn flood(&self, block: EchoBlock) {
        if let Self::Transport(transport) = self {
            return transport.with_flood(|writer| writer.write(&block.payload)).unwrap_or_default();
        }
        let mut item = BytesMut::with_capacity(block.payload.len() + 32);
        write_client_item(&mut item, &ClientItem::Echo(block));
        self.send(&item);
    }

    /// Ends the flood after its last block.
    pub(crate) fn end_flood(&self) {
        if let Self::Transport(transport) = self {
            transport.end_flood();
        }
    }

    /// Returns the level of the browser's send queue: the flood, and everything else on a shared connection.
    pub(crate) fn flood_level(&self) -> FloodLevel {
        let level = match self {
            Self::Socket(transport) => {
                Some(FloodLevel { buffered: transport.buffered().into(), desired_size: None })
            }
            Self::SocketStream(transport) => transport.with_writer(Writer::level),
            Self::Transport(transport) => transport.with_flood(Writer::level),
        };
        level.unwrap_or_default()
    }
}

/// Stream of a flood over WebTransport.
#[derive(Clone, Default)]
pub(super) struct FloodStream(Rc<RefCell<State>>);

#[derive(Default)]
enum State {
    #[default]
    Closed,
    Opening,
    /// Writer of the open stream, and whether its end was written.
    Open(Writer, bool),
}

impl FloodStream {
    /// True if the stream is open; otherwise starts to open it.
    pub(super) fn open(&self, transport: &WebTransport, sink: &EventSink) -> bool {
        let mut state = self.0.borrow_mut();
        if matches!(*state, State::Closed | State::Open(_, true)) {
            *state = State::Opening;
            spawn_local(run(self.clone(), transport.clone(), sink.clone()));
        }
        matches!(*state, State::Open(..))
    }

    /// Applies `look` to the writer while the stream is open.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Writer) -> T) -> Option<T> {
        match &*self.0.borrow() {
            State::Open(writer, _) => Some(look(writer)),
            State::Closed | State::Opening => None,
        }
    }

    /// Ends the stream after the queued data; the next flood opens another.
    pub(super) fn end(&self) {
        if let State::Open(writer, has_ended @ false) = &mut *self.0.borrow_mut() {
            writer.close();
            *has_ended = true;
        }
    }
}

/// Opens the stream, and reads what comes back on it.
async fn run(flood: FloodStream, transport: WebTransport, sink: EventSink) {
    // The loss of the connection is reported by its own `closed` promise.
    let Ok(stream) = JsFuture::from(transport.create_bidirectional_stream()).await else { return };
    let stream: WebTransportBidirectionalStream = stream.unchecked_into();
    let Ok(writer) = WritableStreamDefaultWriter::new(&stream.writable()) else { return };
    flood.0.replace(State::Open(Writer::new(writer, sink.clone()), false));
    let readable: ReadableStream = stream.readable().unchecked_into();
    let Some(reader) = reader_of(&readable) else { return };
    sink(Event::Writable);
    while let Some(chunk) = read(&reader).await {
        let Some(chunk) = bytes_of(&chunk) else { continue };
        if !sink(Event::Echo(&chunk)) {
            detach(reader.cancel());
            return;
        }
    }
}
