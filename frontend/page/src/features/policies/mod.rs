//! Policy race: every policy with the same slow consumer.

pub mod model;
pub mod state;
pub mod view;
