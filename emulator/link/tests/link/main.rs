//! The laws of a link, driven from outside in virtual time.

mod conservation;
mod harness;
mod live;
mod loss;
mod order;
mod presets;
mod rate;
mod table;
mod weather;
