//! A lab's reports, as they come from the server.

use wasm_bindgen::prelude::*;
use web_sys::{EventSource, MessageEvent};

use crate::api;
use crate::json::Json;
use sluice_shared::lab::LabReport;

/// What comes from watching a lab.
#[derive(Debug)]
pub enum Sight {
    /// A report.
    Report(Box<LabReport>),
    /// The stream is cut; the browser connects again by itself.
    Cut,
    /// The lab is no longer there.
    Gone,
}

/// A stream of reports. The lab stays as long as somebody watches it.
#[derive(Debug)]
pub struct LabWatch {
    source: Option<EventSource>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut()>,
}

impl LabWatch {
    /// Watches the lab with this id; `seen` is called for all that comes.
    pub fn open(lab: &str, seen: impl Fn(Sight) + Clone + 'static) -> Self {
        let source = EventSource::new(&api::watch_url(lab)).ok();
        let on_message = {
            let seen = seen.clone();
            Closure::new(move |event: MessageEvent| {
                let text = event.data().as_string().unwrap_or_default();
                if let Some(report) = Json::parsed(&text).lab_report() {
                    seen(Sight::Report(Box::new(report)));
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
