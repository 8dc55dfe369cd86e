//! A network inside one process, for stacks that know nothing of it.
//!
//! rustls, hyper, quinn and h3 speak to streams and sockets; here those stand on the emulator's links ([`sluice_link`])
//! and TCP ends ([`sluice_tcp`]). A run is real packets of real stacks, with a log of each packet and what became of it.
//!
//! | part | what it is |
//! |---|---|
//! | [`Stage`] | an executor of one thread with a clock of its own: virtual time jumps to what is due next, real time waits for it |
//! | [`StageHandle`] | the time, tasks and timers of a stage; it is a [`quinn::Runtime`] |
//! | [`Net`] | a client and a server at the two ends of one link each way, which everything between them shares |
//! | [`TcpListener`], [`TcpStream`] | an emulated TCP connection's ends, as [`tokio::io`] knows streams |
//! | [`UdpSocket`] | a socket that quinn takes ([`quinn::AsyncUdpSocket`]) |
//! | [`Sight`] | one packet as it was sent, and its fate |
//!
//! **Order.** With the virtual clock the same tasks over the same seed give the same order and times: tasks run in the
//! order in which they were woken, at one moment packets come before timers, and timers in the order in which they were
//! set. What a stack draws for itself (keys, connection ids) is its own. With the real clock what is due is handed over
//! late, never early; the times in the log are the link's exact ones in both.
//!
//! **Addresses.** The server is 10.0.0.1, the client 10.0.0.2 with ports from 49,152 on.
#![warn(missing_docs, clippy::cast_possible_truncation)]

mod net;
mod stage;
mod tcp;
mod udp;

pub use net::{Content, Net, Sight, SightFate};
pub use stage::{Elapsed, Sleep, Stage, StageClock, StageHandle, Stuck};
pub use tcp::{TcpListener, TcpStream};
pub use udp::{MAX_DATAGRAM_BYTES, UdpSocket};
