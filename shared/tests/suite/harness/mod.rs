//! What the suite's tests, and the fuzz targets, are made of: both ends of a session on a simulated network, in
//! virtual time, from one source of choices, so that a run is told by its seed.

pub(crate) mod account;
pub(crate) mod choices;
pub(crate) mod client;
pub(crate) mod credit;
pub(crate) mod frames;
pub(crate) mod hostile;
pub(crate) mod logs;
pub(crate) mod network;
pub(crate) mod pair;
pub(crate) mod server;
pub(crate) mod setting;
