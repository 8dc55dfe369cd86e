//! Marker of a user-selected moment, drawn on every chart of a lane.

use sluice_browser::surface::Surface;
use sluice_shared::time::Time;

use crate::charts::axis::TimeAxis;
use crate::charts::frame_loop::Frame;

/// Draws a marked moment while it is within the chart.
pub(crate) fn mark_moment(
    surface: &Surface,
    frame: &Frame,
    time: TimeAxis,
    marked: Option<Time>,
    bottom: f64,
) {
    let Some(x) = marked.map(|at| time.pixel_from_time(at)).filter(|x| *x >= time.left_px) else { return };
    surface.stroke_style(&frame.palette.ink, 1.0, &[3.0, 3.0]);
    surface.line((x, 0.0), (x, bottom));
}
