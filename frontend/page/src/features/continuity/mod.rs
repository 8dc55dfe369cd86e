//! Continuity certificate: text and panel.

pub mod model;
pub mod view;
