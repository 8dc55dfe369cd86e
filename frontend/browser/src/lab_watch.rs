//! Event streams of a lab, over a WebSocket that reconnects by itself.
//!
//! Not an `EventSource`: it would hold one of the six HTTP connections that a browser opens to a server for
//! all tabs. The page opens a [`LabWatch`]; dropping it closes the connection.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use serde::de::DeserializeOwned;
use sluice_shared::lab::{FrameEvent, NetworkReport};
use sluice_shared::session::Backoff;
use sluice_shared::wire::CloseCode;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{CloseEvent, MessageEvent, WebSocket};

use crate::api::{self, AskError};
use crate::{clock, support, window};

/// Event of a [`LabWatch`].
#[derive(Debug)]
pub enum WatchEvent<T> {
    /// A decoded event of the stream.
    Report(Box<T>),
    /// An event of the stream that is not the expected JSON.
    Unreadable(AskError),
    /// The connection is lost; a new one is opened after a backoff.
    Cut,
    /// The watched resource no longer exists.
    Gone,
}

/// A subscription to an event stream. The server keeps a lab for as long as it is watched.
#[derive(Debug)]
pub struct LabWatch {
    _link: Rc<Link>,
}

impl LabWatch {
    /// Watches the lab with this id; `seen` is called for each event.
    pub fn open(lab: &str, seen: impl Fn(WatchEvent<NetworkReport>) + Clone + 'static) -> Self {
        Self::decoded(&api::watch_url(lab), "report of the network", seen)
    }

    /// Watches the frames of a lane's WebSocket; `seen` is called for each event.
    pub fn open_frames(
        lab: &str,
        lane: u32,
        seen: impl Fn(WatchEvent<FrameEvent>) + Clone + 'static,
    ) -> Self {
        Self::decoded(&api::frames_url(lab, lane), "record of frames", seen)
    }

    /// Watches the events at `path` on the page's server, each the JSON of a `T`; errors call it `what`.
    pub fn decoded<T: DeserializeOwned + 'static>(
        path: &str,
        what: &'static str,
        seen: impl Fn(WatchEvent<T>) + Clone + 'static,
    ) -> Self {
        let page = window::page_address();
        let link = Rc::new_cyclic(|link: &Weak<Link>| Link {
            url: support::websocket_url_of(&page.protocol, &page.authority, path),
            socket: RefCell::default(),
            backoff: RefCell::new(Backoff::new(window::random_seed())),
            on_message: {
                let (seen, link) = (seen.clone(), Weak::clone(link));
                Closure::new(move |event: MessageEvent| {
                    if let Some(link) = link.upgrade() {
                        link.backoff.borrow_mut().reset();
                    }
                    let text = event.data().as_string().unwrap_or_default();
                    seen(match api::decode(&text, what) {
                        Ok(report) => WatchEvent::Report(Box::new(report)),
                        Err(error) => WatchEvent::Unreadable(error),
                    });
                })
            },
            on_close: {
                let link = Weak::clone(link);
                Closure::new(move |event: CloseEvent| {
                    if is_over(event.code()) {
                        seen(WatchEvent::Gone);
                    } else {
                        Link::connect_later(&link);
                        seen(WatchEvent::Cut);
                    }
                })
            },
        });
        Link::connect(&link);
        Self { _link: link }
    }
}

/// Returns whether a close code means that there is nothing left to watch, even after a reconnect.
fn is_over(code: u16) -> bool {
    [CloseCode::Normal, CloseCode::Unsupported].map(CloseCode::websocket).contains(&code)
}

/// Successive connections of a watch.
#[derive(Debug)]
struct Link {
    url: String,
    socket: RefCell<Option<WebSocket>>,
    backoff: RefCell<Backoff>,
    on_message: Closure<dyn FnMut(MessageEvent)>,
    on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Link {
    fn connect(self: &Rc<Self>) {
        match WebSocket::new(&self.url) {
            Ok(socket) => {
                socket.set_onmessage(Some(self.on_message.as_ref().unchecked_ref()));
                socket.set_onclose(Some(self.on_close.as_ref().unchecked_ref()));
                self.socket.replace(Some(socket));
            }
            Err(_) => Self::connect_later(&Rc::downgrade(self)),
        }
    }

    /// Reconnects after a backoff, unless the watch has been dropped by then.
    fn connect_later(link: &Weak<Self>) {
        let Some(delay) = link.upgrade().map(|link| link.backoff.borrow_mut().next_delay()) else { return };
        let (link, millis) = (Weak::clone(link), i32::try_from(delay.as_millis()).unwrap_or(i32::MAX));
        spawn_local(async move {
            clock::sleep_millis(millis).await;
            if let Some(link) = link.upgrade() {
                link.connect();
            }
        });
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.take() {
            socket.set_onmessage(None);
            socket.set_onclose(None);
            // Closing without a code and a reason never fails.
            socket.close().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_is_opened_again_and_an_ended_lab_is_not() {
        for over in [CloseCode::Normal, CloseCode::Unsupported] {
            assert!(is_over(over.websocket()), "{over:?}");
        }
        let lost =
            [CloseCode::GoingAway, CloseCode::Overloaded, CloseCode::Unresponsive, CloseCode::TakenOver];
        // 1006: the connection is gone without a close frame.
        for code in lost.map(CloseCode::websocket).into_iter().chain([1006]) {
            assert!(!is_over(code), "{code}");
        }
    }
}
