//! Continuity certificate: wording and panel.

pub mod model;
pub mod view;
