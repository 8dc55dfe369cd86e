//! What the server tells of a lab, event by event.

use wasm_bindgen::prelude::*;
use web_sys::{EventSource, MessageEvent};

use crate::api::{self, AskError};
use crate::json::Json;
use serde::de::DeserializeOwned;
use sluice_shared::lab::{FrameEvent, NetworkReport};

/// What comes from watching something.
#[derive(Debug)]
pub enum Sight<T> {
    /// An event.
    Report(Box<T>),
    /// An event that is not the JSON it should be.
    Unreadable(AskError),
    /// The stream is cut; the browser connects again by itself.
    Cut,
    /// There is nothing to be watched any more.
    Gone,
}

/// A stream of events. A lab stays as long as somebody watches it.
#[derive(Debug)]
pub struct LabWatch {
    source: Option<EventSource>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut()>,
}

impl LabWatch {
    /// Watches the lab with this id; `seen` is called for all that comes.
    pub fn open(lab: &str, seen: impl Fn(Sight<NetworkReport>) + Clone + 'static) -> Self {
        Self::decoded(&api::watch_url(lab), "report of the network", seen)
    }

    /// Watches the frames of a lane's WebSocket; `seen` is called for all that comes.
    pub fn open_frames(lab: &str, lane: u32, seen: impl Fn(Sight<FrameEvent>) + Clone + 'static) -> Self {
        Self::decoded(&api::frames_url(lab, lane), "record of frames", seen)
    }

    /// Watches the events of `url`, each the JSON of a `T`, which an error calls `what`.
    pub fn decoded<T: DeserializeOwned + 'static>(
        url: &str,
        what: &'static str,
        seen: impl Fn(Sight<T>) + Clone + 'static,
    ) -> Self {
        let read = move |text: &str| {
            Some(match api::decode(text, what) {
                Ok(report) => Sight::Report(Box::new(report)),
                Err(error) => Sight::Unreadable(error),
            })
        };
        Self::read_by(url, read, seen)
    }

    /// Watches the events of `url`; `read` takes what it needs of each.
    ///
    /// For the migration panel alone, until it decodes the server's own types too: see [`crate::json`].
    pub fn of<T: 'static>(
        url: &str,
        read: fn(&Json) -> Option<T>,
        seen: impl Fn(Sight<T>) + Clone + 'static,
    ) -> Self {
        let read = move |text: &str| read(&Json::parsed(text)).map(|report| Sight::Report(Box::new(report)));
        Self::read_by(url, read, seen)
    }

    fn read_by<T: 'static>(
        url: &str,
        read: impl Fn(&str) -> Option<Sight<T>> + 'static,
        seen: impl Fn(Sight<T>) + Clone + 'static,
    ) -> Self {
        let source = EventSource::new(url).ok();
        let on_message = {
            let seen = seen.clone();
            Closure::new(move |event: MessageEvent| {
                let text = event.data().as_string().unwrap_or_default();
                if let Some(sight) = read(&text) {
                    seen(sight);
                }
            })
        };
        let on_error = {
            let source = source.clone();
            Closure::new(move || {
                let is_over =
                    source.as_ref().is_none_or(|source| source.ready_state() == EventSource::CLOSED);
                seen(if is_over { Sight::Gone } else { Sight::Cut });
            })
        };
        if let Some(source) = &source {
            source.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
            source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        }
        Self { source, _on_message: on_message, _on_error: on_error }
    }
}

impl Drop for LabWatch {
    fn drop(&mut self) {
        if let Some(source) = &self.source {
            source.set_onmessage(None);
            source.set_onerror(None);
            source.close();
        }
    }
}
