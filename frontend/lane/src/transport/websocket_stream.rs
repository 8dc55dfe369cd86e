//! WebSocket by Chromium's `WebSocketStream`, whose reader applies backpressure to the sender.
//! The next message is requested only when the lane has handled the last one and has room.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use js_sys::{Object, Promise, Reflect};
use sluice_shared::wire::CloseCode;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{ReadableStream, WritableStream, WritableStreamDefaultWriter};

use super::browser_transport::{Event, EventSink, TransportUnavailable, browser_close_code, close_reason};
use super::read_gate::ReadGate;
use super::streams::{Writer, bytes_of, detach, end_of, has_global, message_of, read, reader_of};
use super::websocket::text_frame;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = Object)]
    type WebSocketStream;
    #[wasm_bindgen(constructor, catch)]
    fn new(url: &str) -> Result<WebSocketStream, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn opened(this: &WebSocketStream) -> Promise;
    #[wasm_bindgen(method, getter)]
    fn closed(this: &WebSocketStream) -> Promise;
    #[wasm_bindgen(method, catch)]
    fn close(this: &WebSocketStream, how: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(extends = Object)]
    type OpenedStreams;
    #[wasm_bindgen(method, getter)]
    fn readable(this: &OpenedStreams) -> ReadableStream;
    #[wasm_bindgen(method, getter)]
    fn writable(this: &OpenedStreams) -> WritableStream;
}

/// `WebSocketStream` with its writer, once it is open.
pub(crate) struct WebSocketStreamTransport {
    socket: WebSocketStream,
    writer: Rc<RefCell<Option<Writer>>>,
}

impl WebSocketStreamTransport {
    pub(super) fn open(
        url: &str,
        sink: EventSink,
        gate: &Rc<ReadGate>,
    ) -> Result<Self, TransportUnavailable> {
        if !has_global("WebSocketStream") {
            let sentence = "This browser has no WebSocketStream (Chromium 124 and later have it). The websocket lane \
                            carries the same bytes and works here.";
            return Err(TransportUnavailable(sentence.into()));
        }
        let refused = |error| {
            TransportUnavailable(format!("The browser refuses to connect to {url}: {}", message_of(&error)))
        };
        let socket = WebSocketStream::new(url).map_err(refused)?;
        let writer = Rc::new(RefCell::new(None));
        spawn_local(run(socket.opened(), writer.clone(), sink.clone(), Rc::clone(gate)));
        let closed = socket.closed();
        spawn_local(async move {
            // The browser's error message says no more than that the connection is over.
            let end = end_of(closed, |_| String::new()).await;
            sink(end);
        });
        Ok(Self { socket, writer })
    }

    pub(super) fn is_writable(&self) -> bool {
        self.writer.borrow().as_ref().is_some_and(Writer::is_writable)
    }

    pub(super) fn send(&self, items: &[u8]) {
        if let Some(writer) = self.writer.borrow().as_ref() {
            writer.write(items);
        }
    }

    /// Applies `look` to the writer, once it exists.
    pub(super) fn with_writer<T>(&self, look: impl FnOnce(&Writer) -> T) -> Option<T> {
        self.writer.borrow().as_ref().map(look)
    }

    pub(super) fn close(self, code: CloseCode, reason: &str) {
        let how = Object::new();
        let reported =
            [("closeCode", JsValue::from(browser_close_code(code))), ("reason", close_reason(reason).into())];
        // Setting a property of a plain object cannot fail.
        for (name, value) in reported {
            Reflect::set(&how, &name.into(), &value).ok();
        }
        self.socket.close(&how).ok();
    }
}

impl Drop for WebSocketStreamTransport {
    fn drop(&mut self) {
        self.socket.close(&JsValue::UNDEFINED).ok();
    }
}

/// Reads messages one by one; the next is requested when the lane has handled the last one and has room.
async fn run(opened: Promise, writer: Rc<RefCell<Option<Writer>>>, sink: EventSink, gate: Rc<ReadGate>) {
    // A failure is also reported by `closed`, with its reason.
    let Ok(streams) = JsFuture::from(opened).await else { return };
    let streams: OpenedStreams = streams.unchecked_into();
    let Ok(js_writer) = WritableStreamDefaultWriter::new(&streams.writable()) else { return };
    let Some(reader) = reader_of(&streams.readable()) else { return };
    writer.replace(Some(Writer::new(js_writer, sink.clone())));
    if !sink(Event::Opened) {
        return;
    }
    while let Some(chunk) = read(&reader).await {
        let frame = bytes_of(&chunk).map_or_else(text_frame, |bytes| Event::Frame(Bytes::from(bytes)));
        if !sink(frame) {
            detach(reader.cancel());
            return;
        }
        gate.wait().await;
    }
}
