//! Sessions: the sans-IO core of `sluice_shared`, driven over whatever carries it.

mod carrier;
mod core_time;
mod driver;
mod echo;
mod exhibits;
mod followed;
mod opening;
mod outlet;
mod registry;
mod service;
mod transit;

#[cfg(test)]
mod memory;
#[cfg(test)]
mod tests;

pub(crate) use carrier::{Carrier, Ended, Limits};
pub(crate) use echo::{EchoBytes, EchoQueue};
pub(crate) use outlet::{Lane, Outlet, fill};
pub(crate) use service::{Permit, Sessions};
pub(crate) use transit::Transit;
