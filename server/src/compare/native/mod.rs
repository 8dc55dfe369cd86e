//! Comparisons in real time: an in-process server, its labs' emulated network, and native clients over real sockets.
//!
//! Each lane runs alone, in a lab of its own with the same profile and seed, so that the process's CPU time over its
//! run is its own: that of the server's side, the emulator and the client together.

mod attacks;
mod changes;
mod connection;
mod cpu;
mod http;
mod lab;
mod lane;
mod paths;
mod record;
mod run;
mod websocket;
mod webtransport;

pub(super) use run::measure;
