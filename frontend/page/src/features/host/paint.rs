//! Paints the server machine's load as each lane received it: one row per lane, each line ending at the last
//! reading that its consumer has consumed.

use crate::charts::axis::TimeAxis;
use crate::charts::frame_loop::Frame;
use crate::engine::driver::EngineHandle;
use crate::engine::running_lane::RunningLane;
use crate::features::host::model::HostMetric;
use sluice_bridge::HostReading;
use sluice_browser::surface::Align;
use sluice_browser::surface::Surface;

const SPAN_MICROS: f64 = 30e6;
const RIGHT: f64 = 8.0;
const BOTTOM: f64 = 18.0;
const ROW_GAP: f64 = 8.0;
/// Frames between drawings: ten drawings a second at 60 Hz.
const EVERY: u64 = 6;

/// Painter of all lanes' readings.
#[derive(Debug)]
pub struct HostPainter {
    engine: EngineHandle,
    painted: bool,
}

impl HostPainter {
    /// Returns a painter for all lanes.
    pub const fn new(engine: EngineHandle) -> Self {
        Self { engine, painted: false }
    }

    /// Paints the chart every few frames.
    pub fn paint(&mut self, surface: &mut Surface, frame: &Frame) {
        let Some((width, height)) = surface.fit() else { return };
        if !surface.take_resized() && self.painted && frame.number % EVERY != 1 {
            return;
        }
        self.painted = true;
        let engine = self.engine.borrow();
        let metric = engine.host_metric();
        surface.clear((width, height));
        let time = TimeAxis {
            right: frame.now,
            span_micros: SPAN_MICROS,
            left_px: 0.0,
            width_px: (width - RIGHT).max(1.0),
        };
        let rows = engine.lanes().count().max(1) as f64;
        let row_height = (height - BOTTOM) / rows;
        let top_value = engine
            .lanes()
            .flat_map(|running| running.model.host.iter())
            .map(|reading| metric.top(&reading.sample))
            .fold(0.0, f64::max);
        for (at, running) in engine.lanes().enumerate() {
            let row = Row {
                surface,
                frame,
                time: &time,
                top: at as f64 * row_height + ROW_GAP / 2.0,
                bottom: (at + 1) as f64 * row_height - ROW_GAP / 2.0,
            };
            row.paint(running, metric, top_value);
        }
        surface.font(10.5, &frame.palette.font);
        surface.fill_colour(&frame.palette.faint);
        surface.text("−30 s", 0.0, height - 4.0, Align::Left);
        surface.text("time of reading", time.width_px / 2.0, height - 4.0, Align::Center);
        surface.text("now", time.width_px, height - 4.0, Align::Right);
    }
}

struct Row<'a> {
    surface: &'a Surface,
    frame: &'a Frame,
    time: &'a TimeAxis,
    top: f64,
    bottom: f64,
}

impl Row<'_> {
    fn paint(&self, running: &RunningLane, metric: HostMetric, top_value: f64) {
        let palette = &self.frame.palette;
        self.surface.stroke_style(&palette.line, 1.0, &[]);
        self.surface.line((0.0, self.bottom + 0.5), (self.time.width_px, self.bottom + 0.5));
        let points: Vec<_> =
            running.model.host.iter().filter_map(|reading| self.point(reading, metric, top_value)).collect();
        let series_style = palette.colour(running.series_style);
        self.surface.fill_colour(series_style);
        self.surface.alpha(0.14);
        self.surface.area(&points, self.bottom);
        self.surface.alpha(1.0);
        self.surface.stroke_style(series_style, 1.5, &[]);
        self.surface.polyline(&points);
        if let Some((x, y)) = points.last() {
            self.surface.circle(*x, *y, 2.8);
            self.surface.stroke_style(&palette.faint, 1.0, &[2.0, 3.0]);
            self.surface.line((*x, self.bottom), (self.time.width_px, self.bottom));
        }
    }

    fn point(&self, reading: &HostReading, metric: HostMetric, top_value: f64) -> Option<(f64, f64)> {
        let x = self.time.pixel_from_time(reading.produced_at);
        let share = if top_value > 0.0 { metric.value(&reading.sample) / top_value } else { 0.0 };
        (x >= 0.0).then(|| (x, self.bottom - share.clamp(0.0, 1.0) * (self.bottom - self.top)))
    }
}
