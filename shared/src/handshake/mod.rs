//! The handshake lab: TCP + TLS 1.3 + HTTP/2 against QUIC + HTTP/3, and what the HTTP API says of it.
//!
//! | call | says |
//! |---|---|
//! | `POST /api/handshakes` with a [`HandshakeRequest`] | a [`HandshakeReport`] |
//! | `GET /api/handshakes/{id}` | the same again |
//! | `GET /api/handshakes/{id}/ladder.svg?probe=A&beside=B` | the ladder of one run, or of two side by side, as SVG |
//! | `GET /api/handshakes/{id}/ladder.json?probe=A` | a [`Ladder`] |
//! | `GET /api/handshakes/{id}/capture.pcapng?probe=A` | the packets of that run, with the TLS secrets inside |
//! | `GET /api/handshakes/{id}/trace.qlog?probe=A` | what the client's QUIC says of that run (qlog) |
//!
//! A request that is not understood, or out of range, gets a [`crate::api::Problem`] that names the field and the range.

mod ladder;
mod probe;
mod report;
mod request;

pub use ladder::{Ladder, LadderMark, Layer, Rung, RungKind, RungPart};
pub use probe::{Case, Counts, Probe, Stack};
pub use report::{
    EarlyData, Fact, HandshakeReport, Hostile, ProbeReport, Replay, ReplayGuard, RoundTrips, Spread, Stop,
};
pub use request::{ClockKind, HandshakeError, HandshakeRequest, limits};
