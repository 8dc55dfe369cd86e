//! Ready-made set-ups of the lab, each showing one effect with one click.

pub mod model;
pub mod state;
pub mod view;
