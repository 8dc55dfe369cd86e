//! Policy race: all policies compared with the same slow consumer.

pub mod model;
pub mod state;
pub mod view;
