//! WebTransport (W3C WebTransport; HTTP/3 over QUIC).
//!
//! One bidirectional stream, opened by the client at once, carries all control items; messages come on
//! unidirectional streams or as datagrams.

use sluice_browser::certificate_hash;
use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use js_sys::{Object, Reflect};
use sluice_shared::flow::AutoWindow;
use sluice_shared::session::Intake;
use sluice_shared::wire::CloseCode;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    ReadableStream, WebTransport, WebTransportBidirectionalStream, WebTransportCloseInfo, WebTransportHash,
    WebTransportOptions, WritableStreamDefaultWriter,
};

use super::browser_transport::{Event, EventSink, TransportUnavailable};
use super::flood::FloodStream;
use super::read_gate::ReadGate;
use super::streams::{Writer, bytes_of, detach, end_of, has_global, message_of, read, reader_of};
use sluice_bridge::Endpoints;

/// `WebTransport` with the control stream's writer, once it is open.
pub(crate) struct WebTransportConnection {
    transport: WebTransport,
    writer: Rc<RefCell<Option<Writer>>>,
    flood: FloodStream,
    sink: EventSink,
}

/// Number of datagrams that the browser buffers while the worker is busy: as many as the largest window lets
/// the server send. By default it would keep only one.
const INCOMING_DATAGRAMS: f64 = AutoWindow::MAX.messages as f64;

impl WebTransportConnection {
    pub(super) fn open(
        endpoints: &Endpoints,
        with_datagrams: bool,
        sink: EventSink,
        gate: &Rc<ReadGate>,
    ) -> Result<Self, TransportUnavailable> {
        if !has_global("WebTransport") {
            return Err(TransportUnavailable(missing().into()));
        }
        let url = &endpoints.webtransport;
        let refused = |error| {
            TransportUnavailable(format!("The browser refuses to connect to {url}: {}", message_of(&error)))
        };
        let options = WebTransportOptions::new();
        if !endpoints.certificate_hashes.is_empty() {
            let hashes: Vec<WebTransportHash> =
                endpoints.certificate_hashes.iter().map(certificate_hash).collect();
            options.set_server_certificate_hashes(&hashes);
        }
        let transport = WebTransport::new_with_options(url, &options).map_err(refused)?;
        let writer = Rc::new(RefCell::new(None));
        let source = Source { sink: sink.clone(), gate: Some(Rc::clone(gate)) };
        spawn_local(run(transport.clone(), with_datagrams, writer.clone(), source));
        let (closed, reported) = (transport.closed(), sink.clone());
        spawn_local(async move {
            let end = end_of(closed.unchecked_into(), message_of).await;
            reported(end);
        });
        Ok(Self { transport, writer, flood: FloodStream::default(), sink })
    }

    pub(super) fn is_writable(&self) -> bool {
        self.writer.borrow().as_ref().is_some_and(Writer::is_writable)
    }

    pub(super) fn send(&self, items: &[u8]) {
        if let Some(writer) = self.writer.borrow().as_ref() {
            writer.write(items);
        }
    }

    /// True if a stream for a flood is open; otherwise starts to open it.
    pub(super) fn open_flood(&self) -> bool {
        self.flood.open(&self.transport, &self.sink)
    }

    /// Applies `look` to the flood's stream while it is open.
    pub(super) fn with_flood<T>(&self, look: impl FnOnce(&Writer) -> T) -> Option<T> {
        self.flood.with(look)
    }

    /// Ends the flood after its last block.
    pub(super) fn end_flood(&self) {
        self.flood.end();
    }

    pub(super) fn close(self, code: CloseCode, reason: &str) {
        let info = WebTransportCloseInfo::new();
        info.set_close_code(code.webtransport());
        info.set_reason(reason);
        self.transport.close_with_close_info(&info);
    }
}

impl Drop for WebTransportConnection {
    fn drop(&mut self) {
        self.transport.close();
    }
}

fn missing() -> &'static str {
    let is_secure =
        Reflect::get(&js_sys::global(), &"isSecureContext".into()).is_ok_and(|value| value.is_truthy());
    if is_secure {
        "This browser has no WebTransport (current Chromium browsers and Firefox have it). WebSocket lanes work here."
    } else {
        "WebTransport needs a secure page, and this one came over plain http from another host. Open it over https, \
         or from the server's own machine as http://localhost. WebSocket lanes work here."
    }
}

/// Opens the control stream, and reads everything that arrives.
async fn run(
    transport: WebTransport,
    with_datagrams: bool,
    writer: Rc<RefCell<Option<Writer>>>,
    source: Source,
) {
    let sink = source.sink.clone();
    // A failure is also reported by `closed`, with its reason.
    if JsFuture::from(transport.ready()).await.is_err() {
        return;
    }
    if with_datagrams {
        spawn_local(read_datagrams(transport.clone(), source.clone()));
    }
    let Ok(control) = JsFuture::from(transport.create_bidirectional_stream()).await else { return };
    let control: WebTransportBidirectionalStream = control.unchecked_into();
    let Ok(js_writer) = WritableStreamDefaultWriter::new(&control.writable()) else { return };
    writer.replace(Some(Writer::new(js_writer, sink.clone())));
    if !sink(Event::Opened) {
        return;
    }
    // The control stream is read even while the gate is closed.
    spawn_local(read_stream(control.readable().unchecked_into(), Source { sink, gate: None }));
    let Some(streams) = reader_of(&transport.incoming_unidirectional_streams()) else { return };
    while let Some(stream) = read(&streams).await {
        spawn_local(read_stream(stream.unchecked_into(), source.clone()));
        source.wait_for_gate().await;
    }
}

/// Destination of a read loop, and the gate at which it pauses.
#[derive(Clone)]
struct Source {
    sink: EventSink,
    gate: Option<Rc<ReadGate>>,
}

impl Source {
    async fn wait_for_gate(&self) {
        if let Some(gate) = &self.gate {
            gate.wait().await;
        }
    }
}

/// Reads one stream to its end, which also allows the server to open another.
async fn read_stream(stream: ReadableStream, source: Source) {
    let Some(reader) = reader_of(&stream) else { return };
    let mut intake = Intake::default();
    while let Some(chunk) = read(&reader).await {
        let Some(chunk) = bytes_of(&chunk) else { continue };
        if !(source.sink)(Event::Stream { intake: &mut intake, chunk: &chunk }) {
            detach(reader.cancel());
            return;
        }
        source.wait_for_gate().await;
    }
}

async fn read_datagrams(transport: WebTransport, source: Source) {
    let datagrams = transport.datagrams();
    // Current and former name of the limit in the standard. A browser that knows neither keeps its default.
    for name in ["incomingMaxBufferedDatagrams", "incomingHighWaterMark"] {
        Reflect::set(
            datagrams.unchecked_ref::<Object>(),
            &name.into(),
            &JsValue::from_f64(INCOMING_DATAGRAMS),
        )
        .ok();
    }
    let Some(reader) = reader_of(&datagrams.readable()) else { return };
    while let Some(datagram) = read(&reader).await {
        let Some(bytes) = bytes_of(&datagram) else { continue };
        if !(source.sink)(Event::Datagram(Bytes::from(bytes))) {
            detach(reader.cancel());
            return;
        }
        source.wait_for_gate().await;
    }
}
