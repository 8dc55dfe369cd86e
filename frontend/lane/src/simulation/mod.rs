//! Simulation of a whole lane in virtual time: driver, connection machine, race and session on a simulated
//! browser, network and server, with injected faults.
//!
//! [`world::World`] runs the events in order and checks after every call into the lane that at most one
//! connection is used, that nothing is sent on a connection that is not open, and that timers do not spin.
//! `scenarios` are scripts of described steps; `properties` are random schedules of faults.

mod network;
mod platform;
mod properties;
mod scenarios;
mod script;
mod server;
mod world;
