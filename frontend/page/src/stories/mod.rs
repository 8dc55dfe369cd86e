//! Set-ups that show one thing each.

pub mod model;
pub mod view;
