//! Drawing: frame loop, palette, scales and series.

pub mod canvas;
pub mod frame_loop;
pub mod palette;
pub mod projection;
pub mod scale;
pub mod series;
