//! Causal trace of a slow consumer's effects.

pub mod model;
pub mod view;
