//! Geometry of the panel's drawings: plain [`shape::Drawing`]s, which a component renders as SVG.

pub(crate) mod change;
mod lane_line;
pub(crate) mod scale;
pub(crate) mod shape;
pub(crate) mod survival_chart;
