//! The relay with real sockets on the loopback.

mod capture;
mod closing;
mod cycles;
mod harness;
mod limits;
mod live;
mod pace;
mod udp;
