//! Floods on each transport: on a WebSocket among all other items, on WebTransport on a stream of its own.

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
    /// True if blocks can be handed over. When they can't, a way for them is being opened, and [`Event::Writable`]
    /// follows.
    pub(crate) fn can_flood(&self) -> bool {
        match self {
            Self::Socket(_) | Self::SocketStream(_) => true,
            Self::Transport(transport) => transport.open_flood(),
        }
    }

    /// True if a flood that takes care may go on. When it may not, [`Event::Writable`] follows, or on a WebSocket a
    /// later look finds it so.
    pub(crate) fn has_flood_room(&self) -> bool {
        match self {
            Self::Socket(transport) => transport.buffered() < Flood::PACED_BYTES,
            Self::SocketStream(transport) => transport.with_writer(Writer::has_room).unwrap_or(false),
            Self::Transport(transport) => transport.with_flood(Writer::has_room).unwrap_or(false),
        }
    }

    /// Hands a block over, whatever waits already.
    pub(crate) fn flood(&self, block: EchoBlock) {
        if let Self::Transport(transport) = self {
            return transport.with_flood(|writer| writer.write(&block.payload)).unwrap_or_default();
        }
        let mut item = BytesMut::with_capacity(block.payload.len() + 32);
        write_client_item(&mut item, &ClientItem::Echo(block));
        self.send(&item);
    }

    /// Every block was handed over.
    pub(crate) fn end_flood(&self) {
        if let Self::Transport(transport) = self {
            transport.end_flood();
        }
    }

    /// What waits in the browser, the flood and, where they share it, all else.
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

/// The stream of a flood over WebTransport.
#[derive(Clone, Default)]
pub(super) struct FloodStream(Rc<RefCell<State>>);

#[derive(Default)]
enum State {
    #[default]
    Closed,
    Opening,
    /// With whether its end was written.
    Open(Writer, bool),
}

impl FloodStream {
    /// True if it is open; if not, it is being opened.
    pub(super) fn open(&self, transport: &WebTransport, sink: &EventSink) -> bool {
        let mut state = self.0.borrow_mut();
        if matches!(*state, State::Closed | State::Open(_, true)) {
            *state = State::Opening;
            spawn_local(run(self.clone(), transport.clone(), sink.clone()));
        }
        matches!(*state, State::Open(..))
    }

    /// What `look` finds, while the stream is open.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Writer) -> T) -> Option<T> {
        match &*self.0.borrow() {
            State::Open(writer, _) => Some(look(writer)),
            State::Closed | State::Opening => None,
        }
    }

    /// Ends the stream after what was written; the next flood has another.
    pub(super) fn end(&self) {
        if let State::Open(writer, has_ended @ false) = &mut *self.0.borrow_mut() {
            writer.close();
            *has_ended = true;
        }
    }
}

/// Opens the stream, and reads what comes back on it.
async fn run(flood: FloodStream, transport: WebTransport, sink: EventSink) {
    // A connection that is lost shows there.
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
