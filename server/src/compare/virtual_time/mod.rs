//! Comparisons in virtual time: no socket, no clock, the same report for the same seed.
//!
//! ```text
//! feed ─► logs ─► ServerSession ─► transport's server end ─► link down ─► transport's client end ─► ClientSession
//!                      ▲                                                                              │ consumer
//!                      └────────── transport's server end ◄─ link up ◄─ transport's client end ◄──────┘
//! ```
//!
//! Everything but the event loop in [`lane`] is what the real server and the real network emulator run: the sessions,
//! how they fill a connection ([`crate::session::fill`]), QUIC (quinn's state machine with the server's own settings),
//! TCP and the links. What is played instead of run: sockets, TLS randomness (which changes no size and no time), and
//! the exchange of HTTP requests, of which only sizes and round trips matter. Lanes run one after the other, each with
//! the same weather, so none depends on another.

mod addresses;
mod attacks;
mod feed;
mod lane;
mod measure;
mod network;
mod server_end;
mod transport;
mod websocket;
mod webtransport;

pub(super) use measure::measure;
