//! Stacks over the emulated network.

mod quic;
mod stage;
mod tcp;
mod udp;
mod world;
