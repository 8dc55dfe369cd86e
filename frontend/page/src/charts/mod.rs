//! Drawing: frame loop, palette, scales and series.

pub mod axis;
pub mod canvas;
pub mod frame_loop;
pub mod palette;
pub(crate) mod pen;
pub mod scale;
pub mod series;
