//! Browser IO. The lane calls JavaScript's networking here and nowhere else.
//!
//! All transports work alike: opening returns at once, events go straight to a
//! [`browser_transport::EventSink`] (never inside a call of the transport's own methods), and dropping a
//! transport closes it.

mod browser_transport;
mod flood;
mod probe;
mod read_gate;
mod streams;
mod websocket;
mod websocket_stream;
mod webtransport;

pub(super) use browser_transport::{BrowserTransport, Event, EventSink, TransportUnavailable};
pub(super) use probe::probe;
pub(super) use read_gate::ReadGate;
