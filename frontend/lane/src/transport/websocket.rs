//! WebSocket by its event API (WHATWG WebSockets; RFC 6455).

use bytes::Bytes;
use js_sys::{ArrayBuffer, Uint8Array};
use sluice_shared::flood::Flood;
use sluice_shared::wire::CloseCode;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{BinaryType, CloseEvent, Event as JsEvent, MessageEvent, WebSocket};

use super::browser_transport::{Event, EventSink, TransportUnavailable, browser_close_code, close_reason};
use super::streams::message_of;

/// `WebSocket` with its event handlers.
pub(crate) struct WebSocketTransport {
    socket: WebSocket,
    _on_open: Closure<dyn FnMut(JsEvent)>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl WebSocketTransport {
    /// Level of the browser's buffer above which the connection is not draining, bytes. Includes what a paced
    /// flood keeps there.
    const MOST_BUFFERED: u32 = 16 * 1024 + Flood::PACED_BYTES;

    pub(super) fn open(url: &str, sink: EventSink) -> Result<Self, TransportUnavailable> {
        let refused = |error| {
            TransportUnavailable(format!("The browser refuses to connect to {url}: {}", message_of(&error)))
        };
        let socket = WebSocket::new(url).map_err(refused)?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let on_open = Closure::<dyn FnMut(JsEvent)>::new({
            let sink = sink.clone();
            move |_| {
                sink(Event::Opened);
            }
        });
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new({
            let sink = sink.clone();
            move |event: MessageEvent| {
                let frame = match event.data().dyn_into::<ArrayBuffer>() {
                    Ok(buffer) => Event::Frame(Bytes::from(Uint8Array::new(&buffer).to_vec())),
                    Err(_) => text_frame(),
                };
                sink(frame);
            }
        });
        let on_close = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| {
            let code = Some(u32::from(event.code()));
            sink(Event::Closed { code, reason: event.reason() });
        });
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Ok(Self { socket, _on_open: on_open, _on_message: on_message, _on_close: on_close })
    }

    pub(super) fn is_writable(&self) -> bool {
        self.buffered() < Self::MOST_BUFFERED
    }

    /// Returns the level of the browser's send buffer, bytes.
    pub(super) fn buffered(&self) -> u32 {
        self.socket.buffered_amount()
    }

    pub(super) fn send(&self, items: &[u8]) {
        // A closing socket would drop it too, with an error in the console.
        if self.socket.ready_state() == WebSocket::OPEN {
            self.socket.send_with_u8_array(items).ok();
        }
    }

    pub(super) fn close(self, code: CloseCode, reason: &str) {
        self.socket.close_with_code_and_reason(browser_close_code(code), close_reason(reason)).ok();
    }
}

/// Returns the event for a text message: the protocol has none, and an empty item is malformed.
pub(super) fn text_frame() -> Event<'static> {
    Event::Frame(Bytes::from_static(&[0]))
}

impl Drop for WebSocketTransport {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        self.socket.close().ok();
    }
}
