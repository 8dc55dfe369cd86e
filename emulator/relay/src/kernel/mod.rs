//! The kernel's own TCP over an emulated network, without touching the machine's: Linux only.
//!
//! Two network namespaces, each with one TUN device, are all there is on either side. What a socket in one of them
//! sends comes out of its device as IP packets; [`Pump`] carries these through the same [`sluice_link::Link`]s that
//! carry the model's segments, and into the other device.
//!
//! ```text
//! client socket ─ kernel TCP ─ TUN ─► Link(up)   ─► TUN ─ kernel TCP ─ server socket
//!                              TUN ◄─ Link(down) ◄─ TUN
//! ```
//!
//! Where root is not to be had, a user namespace gives the same; where neither is, [`Unavailable`] says what is missing.

mod carrier;
mod flow;
mod helper;
mod namespace;
mod poller;
mod priority;
mod pump;
mod ramp;
mod stream;
mod sys;
mod tun;

pub use namespace::{Namespaces, Unavailable};
pub use poller::{Poller, Wake};
pub use priority::{Priority, raise_priority};
pub use pump::Pump;
pub use ramp::KernelRamp;
pub use stream::{KernelHandle, KernelStream};
pub use tun::Tun;
