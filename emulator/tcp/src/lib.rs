//! TCP as Linux does it, without any IO.
//!
//! A network emulator that relays bytes cannot lose a TCP segment, so the comparison with QUIC would be rigged. Here
//! both ends of a connection are modelled, and segments cross the emulated link one by one. What is modelled follows
//! the RFCs and, where they leave a choice, Linux 6.x with its default settings: SACK, RACK-TLP, PRR, CUBIC with
//! HyStart or BBR with pacing, F-RTO and the undo of needless reductions, Linux's retransmission timeout, delayed and quick
//! acknowledgments, autotuned buffers, and slow start after idle. Nagle's algorithm is off, as every server sets it.
//!
//! Not modelled: ECN, segmentation offload, path MTU discovery, urgent data, simultaneous open, and the
//! rejection of old duplicates by timestamp (a link does not hold a segment until the numbers wrap).
//!
//! **The loop** of one [`Endpoint`]:
//! 1. hand something in: [`Endpoint::handle_segment`], [`Endpoint::write`], [`Endpoint::read`], [`Endpoint::close`];
//! 2. drain [`Endpoint::poll_segment`] to `None`, and send what comes;
//! 3. wait for a segment, the application, or [`Endpoint::poll_timeout`], whichever is first;
//! 4. on a timeout call [`Endpoint::handle_timeout`], and go to 2.
//!
//! Invariant: after anything is handed in, drain before waiting. `now` never goes back. Time and seed are arguments,
//! and all arithmetic is in integers, so the same calls give the same segments on every platform.
//!
//! [`Pair`] runs two endpoints over two links in virtual time.
#![warn(missing_docs, clippy::cast_possible_truncation)]

mod ack_policy;
mod bbr;
mod config;
mod congestion;
mod cubic;
mod cubic_window;
mod delivery_rate;
mod endpoint;
mod header;
mod hystart;
mod info;
mod io_error;
mod min_filter;
mod pacing;
mod pair;
mod prr;
mod rack;
mod random;
mod reassembly;
mod receiver;
mod recovery;
mod rtt;
mod scoreboard;
mod segment;
mod send_buffer;
mod sender;
mod seq;
mod timestamp;
pub mod traffic;
mod window;

pub use config::{Config, KeepAlive};
pub use endpoint::{EndReason, Endpoint, State, WriteError};
pub use header::write_ipv4_packet;
pub use info::{Info, Phase, SendCounters, WaitsFor};
pub use pair::{Pair, PairEvent, Side};
pub use segment::{Flags, IPV4_HEADER_BYTES, Options, SackBlocks, Segment, TCP_HEADER_BYTES, Timestamps};
pub use seq::Seq;
