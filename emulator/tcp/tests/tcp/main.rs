//! TCP end to end, in virtual time: two endpoints over two emulated links.
#![expect(clippy::print_stdout, reason = "a test prints the numbers it judged, for those who look")]

mod bbr;
mod closing;
mod congestion;
mod fidelity;
mod flow_control;
mod handshake;
mod integrity;
mod network;
mod recovery;
mod reference;
mod scene;
