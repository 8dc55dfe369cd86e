//! Helpers for promises, streams and the errors they reject with.
//! Used by all transports of the browser.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{ArrayBuffer, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    ReadableStream, ReadableStreamDefaultReader, ReadableStreamReadResult, WritableStreamDefaultWriter,
};

use super::browser_transport::{Event, EventSink};
use sluice_bridge::FloodLevel;

/// True if the worker's global object has `name`.
pub(super) fn has_global(name: &str) -> bool {
    Reflect::has(&js_sys::global(), &JsValue::from_str(name)).unwrap_or(false)
}

/// Detaches a promise whose outcome is handled elsewhere. Without a handler, a rejection would reach the
/// console.
pub(super) fn detach(promise: Promise) {
    spawn_local(async move {
        JsFuture::from(promise).await.ok();
    });
}

/// Returns the browser's message of an error.
pub(super) fn message_of(error: &JsValue) -> String {
    text_at(error, "message").or_else(|| error.as_string()).unwrap_or_default()
}

/// Returns a string property, unless it is missing or empty.
fn text_at(object: &JsValue, name: &str) -> Option<String> {
    let value = Reflect::get(object, &JsValue::from_str(name)).ok()?;
    value.as_string().filter(|text| !text.is_empty())
}

/// Returns a whole-number property.
fn number_at(object: &JsValue, name: &str) -> Option<u32> {
    let value = Reflect::get(object, &JsValue::from_str(name)).ok()?.as_f64()?;
    (value >= 0.0 && value <= f64::from(u32::MAX)).then_some(value as u32)
}

/// Waits for a `closed` promise, fulfilled or rejected, and returns the end of the connection from its
/// `closeCode` and `reason`; `words` supplies a missing reason.
pub(super) async fn end_of(closed: Promise, words: fn(&JsValue) -> String) -> Event<'static> {
    let (Ok(reported) | Err(reported)) = JsFuture::from(closed).await;
    let code = number_at(&reported, "closeCode");
    Event::Closed { code, reason: text_at(&reported, "reason").unwrap_or_else(|| words(&reported)) }
}

/// Locks a stream for reading.
pub(super) fn reader_of(stream: &ReadableStream) -> Option<ReadableStreamDefaultReader> {
    ReadableStreamDefaultReader::new(stream).ok()
}

/// Reads the next value; `None` at the end, orderly or not.
pub(super) async fn read(reader: &ReadableStreamDefaultReader) -> Option<JsValue> {
    let result = JsFuture::from(reader.read()).await.ok()?;
    let result: ReadableStreamReadResult = result.unchecked_into();
    (result.get_done() != Some(true)).then(|| result.get_value())
}

/// Returns the bytes of a chunk, an `ArrayBuffer` or a view of one; `None` if it is text.
pub(super) fn bytes_of(chunk: &JsValue) -> Option<Vec<u8>> {
    if let Some(view) = chunk.dyn_ref::<Uint8Array>() {
        return Some(view.to_vec());
    }
    chunk.dyn_ref::<ArrayBuffer>().map(|buffer| Uint8Array::new(buffer).to_vec())
}

/// Writer of a stream, with a count of its pending writes.
#[derive(Clone)]
pub(super) struct Writer {
    writer: WritableStreamDefaultWriter,
    pending: Rc<Cell<usize>>,
    pending_bytes: Rc<Cell<u64>>,
    /// True if a task waits for the writer to be ready.
    is_awaited: Rc<Cell<bool>>,
    sink: EventSink,
}

impl Writer {
    /// Maximum number of pending writes.
    const MOST_PENDING: usize = 8;

    pub(super) fn new(writer: WritableStreamDefaultWriter, sink: EventSink) -> Self {
        Self { writer, pending: Rc::default(), pending_bytes: Rc::default(), is_awaited: Rc::default(), sink }
    }

    pub(super) fn is_writable(&self) -> bool {
        self.pending.get() < Self::MOST_PENDING
    }

    /// True if the stream requests more data. If not, [`Event::Writable`] follows as soon as it is ready.
    pub(super) fn has_room(&self) -> bool {
        let has_room = self.desired_size().is_some_and(|size| size > 0);
        if !has_room && !self.is_awaited.replace(true) {
            let (ready, is_awaited, sink) =
                (self.writer.ready(), Rc::clone(&self.is_awaited), self.sink.clone());
            spawn_local(async move {
                let is_ready = JsFuture::from(ready).await.is_ok();
                is_awaited.set(false);
                if is_ready {
                    sink(Event::Writable);
                }
            });
        }
        has_room
    }

    /// Returns the amount of data that was written and not passed on yet.
    pub(super) fn level(&self) -> FloodLevel {
        FloodLevel { buffered: self.pending_bytes.get(), desired_size: self.desired_size() }
    }

    /// Returns the number of chunks that the stream requests; negative if it has too many, `None` if it has
    /// failed.
    fn desired_size(&self) -> Option<i32> {
        self.writer.desired_size().ok().flatten().map(|size| size as i32)
    }

    /// Ends the stream after the queued data.
    pub(super) fn close(&self) {
        detach(self.writer.close());
    }

    /// Writes whole items. A failure is reported as the end of the connection.
    pub(super) fn write(&self, items: &[u8]) {
        let promise = self.writer.write_with_chunk(&Uint8Array::new_from_slice(items));
        let Self { pending, pending_bytes, sink, .. } = self.clone();
        let length = items.len() as u64;
        pending.set(pending.get() + 1);
        pending_bytes.set(pending_bytes.get() + length);
        spawn_local(async move {
            let written = JsFuture::from(promise).await.is_ok();
            let was_full = pending.get() >= Self::MOST_PENDING;
            pending.set(pending.get() - 1);
            pending_bytes.set(pending_bytes.get() - length);
            if written && was_full {
                sink(Event::Writable);
            }
        });
    }
}
