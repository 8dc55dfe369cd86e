//! Paints the timeline on its canvas, with marker, selection and cursor.

use std::cell::RefCell;
use std::rc::Rc;

use sluice_bridge::AgeColumn;
use sluice_browser::surface::Surface;
use sluice_shared::time::Time;

use crate::charts::frame_loop::Frame;
use crate::charts::scale::AgeAxis;
use crate::engine::driver::EngineHandle;
use crate::features::timeline::chart::Chart;
use crate::features::timeline::marker::mark_moment;
use crate::features::timeline::scene::{Scene, Viewport};

/// Painter of the timeline.
#[derive(Debug)]
pub struct TimelinePainter {
    engine: EngineHandle,
    viewport: Rc<RefCell<Viewport>>,
    drawn: Option<Look>,
}

/// Inputs that decide whether a frame differs from the previous one.
#[derive(Debug, PartialEq)]
struct Look {
    column: u64,
    axis: AgeAxis,
    palette: usize,
    marked: Option<Time>,
    cursor: Option<Time>,
    is_paused: bool,
    is_zoomed: bool,
    recording: Option<u32>,
}

impl TimelinePainter {
    /// Returns a painter for `viewport`.
    pub const fn new(engine: EngineHandle, viewport: Rc<RefCell<Viewport>>) -> Self {
        Self { engine, viewport, drawn: None }
    }

    /// Paints a frame if anything on the chart has changed since the last one.
    pub fn paint(&mut self, surface: &mut Surface, frame: &Frame) {
        let Some(size) = surface.fit() else { return };
        let engine = self.engine.borrow();
        let viewport = self.viewport.borrow();
        let look = Look {
            column: if viewport.is_still() { 0 } else { frame.now.as_micros() / AgeColumn::WIDTH_MICROS },
            axis: engine.latency_axis(),
            palette: Rc::as_ptr(&frame.palette) as usize,
            marked: engine.marked,
            cursor: viewport.cursor,
            is_paused: viewport.is_paused(),
            is_zoomed: viewport.is_zoomed(),
            recording: viewport.recording_number(),
        };
        let is_resized = surface.take_resized();
        if self.drawn.as_ref() == Some(&look) && !is_resized {
            return;
        }
        let scene = viewport.shown(|| Scene::live(&engine, frame.now));
        surface.clear(size);
        let chart = Chart::new(surface, &frame.palette, look.axis, &scene, size, 0.0);
        chart.draw(&scene);
        if let Some((from, until)) = viewport.pending() {
            chart.selection(from, until);
        }
        if !scene.is_recorded {
            mark_moment(surface, frame, chart.time, engine.marked, chart.bottom);
        }
        if let Some(x) = viewport.cursor.map(|at| chart.time.pixel_from_time(at)) {
            surface.stroke_style(&frame.palette.soft, 1.0, &[]);
            surface.line((x, chart.top), (x, chart.bottom));
        }
        self.drawn = Some(look);
    }
}
