//! The relay with real sockets on the loopback.

mod capture;
mod closing;
mod cycles;
mod harness;
mod limits;
mod live;
mod moving;
mod pace;
mod spoof;
mod tunnels;
mod udp;
