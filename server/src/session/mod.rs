//! Sessions: the sans-IO core of `sluice_shared`, driven over whatever carries it.

mod carrier;
mod driver;
mod opening;
mod registry;
mod service;
mod transit;

#[cfg(test)]
mod memory;
#[cfg(test)]
mod tests;

pub(crate) use carrier::{Carrier, Ended, Lane, Limits};
pub(crate) use service::Sessions;
pub(crate) use transit::Transit;
