//! The network emulator in real time.
//!
//! The models of a link and of TCP do no IO; this crate drives them with two threads that all networks of a [`Relay`]
//! share, and puts sockets at their ends:
//!
//! ```text
//! browser ==TCP, loopback==> on-ramp ─ client's end ⇄ two links ⇄ server's end ─ RampStream of a TcpRamp ─> server
//! browser ==UDP, loopback==> front socket ─ two links ─ a socket for each client ==UDP==> server
//! ```
//!
//! **The loop.** A flow is two links and, for TCP, two ends, behind one lock. Whoever has something for it (a task of
//! the thread `sluice-relay` that has read a socket, a server that writes, the thread `sluice-link` when something is
//! due) does this:
//! 1. locks the flow and reads the clock, in that order, so that a flow's time never goes back;
//! 2. hands in what it has, and drains everything that is due: datagrams leave by a nonblocking socket at once;
//! 3. leaves the next time at which something is due with the link thread, if that does not come by earlier anyway;
//! 4. unlocks, and wakes those whose wait is over.
//!
//! Every queue is bounded: links hold 64 MiB at most, TCP's buffers are those of its model, sockets have small buffers
//! ([`Network::listen_tcp`]), a tap remembers 16 MiB, and there are limits to connections. Datagrams that a socket would
//! not take are dropped and counted.
#![warn(missing_docs, clippy::cast_possible_truncation)]

mod agenda;
mod attribution;
mod clock;
mod engine;
#[cfg(target_os = "linux")]
pub mod kernel;
mod load;
mod network;
mod pace;
mod platform;
mod quic;
mod relay;
mod tap;
mod tcp;
mod udp;

pub use clock::Clock;
pub use network::{FlowId, FlowProbe, KnownPath, Network, NetworkId, Upstreams};
pub use quic::{SecretStore, ServerWrite};
pub use relay::Relay;
pub use tap::Recording;
pub use tcp::{RampHandle, RampStream, TcpRamp};
