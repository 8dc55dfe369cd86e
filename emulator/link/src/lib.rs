//! One direction of a bad network, without any IO.
//!
//! A [`Link`] takes packets of any type together with their size on the wire, and says of each what became of it and
//! when. Its stages, in the order in which a packet meets them:
//!
//! | stage | what happens there |
//! |---|---|
//! | outage | a packet that arrives while the link is out or blocked is gone; what is inside already goes on |
//! | bottleneck | waits in a drop-tail queue, then takes its own size ÷ rate to be serialised |
//! | loss | random (by packet number) or in bursts (by time) |
//! | propagation | delay and jitter, in order unless asked otherwise; stragglers and duplicates |
//!
//! **The loop.** Nothing here reads a clock or draws an ambient random number; the driver does this:
//! 1. hand packets in: [`Link::handle_packet`];
//! 2. drain [`Link::poll_fate`] to `None`;
//! 3. wait for the next packet or for [`Link::poll_timeout`], whichever is first;
//! 4. go to 1 (nothing else to do for a timeout: polling moves the link to `now`).
//!
//! Invariant: after anything is handed in or changed, drain before waiting. `now` never goes back.
//!
//! Times in fates are *exact*, not those of the poll: a driver that wakes late delivers late once, and the lateness
//! does not add up. All arithmetic is in whole microseconds, bits and parts per thousand million, so the same
//! [`Weather`], profile and packets give the same trace on every platform.
#![warn(missing_docs, clippy::cast_possible_truncation)]

mod bottleneck;
mod burst;
mod fate;
mod levels;
mod link;
mod loss;
mod outage;
mod random;
mod weather;
mod wire;

pub use fate::{Delivered, DropReason, Dropped, Fate, LossKind, PacketId};
pub use levels::{Counters, HopLevel, Levels, Traffic};
pub use link::Link;
pub use weather::Weather;
