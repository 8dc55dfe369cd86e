//! Paints loss, queue and rate of one lane's emulated network on the time axis of its latency chart.

use sluice_shared::time::Time;

use crate::charts::axis;
use crate::charts::frame_loop::Frame;
use crate::engine::driver::EngineHandle;
use crate::engine::lane::LaneId;
use crate::features::network::stats::WeatherPoint;
use crate::features::timeline::marker::mark_moment;
use sluice_browser::surface::Align;
use sluice_browser::surface::Surface;

/// Frames between drawings: five drawings a second at 60 Hz.
const EVERY: u64 = 12;
/// Space between the rows, pixels.
const GAP: f64 = 4.0;
/// Row: name, value of a point, and minimum value of its upper edge.
type Row = (&'static str, fn(&WeatherPoint) -> Option<f64>, f64);

/// Minimum upper edges: 5 % lost, 20 ms of queue, 100 kbit/s.
const ROWS: [Row; 3] = [
    ("loss", |point| point.loss, 0.05),
    ("queue", |point| Some(point.queue_micros as f64), 20_000.0),
    ("rate", |point| Some(point.rate_bits), 100_000.0),
];

/// Painter of one lane's network curves.
#[derive(Debug)]
pub struct WeatherPainter {
    engine: EngineHandle,
    lane: LaneId,
    painted: bool,
}

impl WeatherPainter {
    /// Returns a painter for `lane`.
    pub const fn new(engine: EngineHandle, lane: LaneId) -> Self {
        Self { engine, lane, painted: false }
    }

    /// Paints the curves every `EVERY` frames.
    pub fn paint(&mut self, surface: &mut Surface, frame: &Frame) {
        let Some(size) = surface.fit() else { return };
        let engine = self.engine.borrow();
        let Some((position, running)) = engine.lane(self.lane) else { return };
        // Offset from the turns of the latency charts, so that no frame draws both.
        let its_turn = frame.number % EVERY == (3 * position as u64 + 2) % EVERY;
        if !surface.take_resized() && self.painted && !its_turn {
            return;
        }
        self.painted = true;
        surface.clear(size);
        let time = axis::time_axis(frame.now, size.0 - axis::RIGHT);
        let oldest = Time::from_micros(frame.now.as_micros().saturating_sub(axis::SPAN_MICROS as u64));
        let points: Vec<_> = running.model.link_stats.points(oldest).collect();
        let height = size.1 / ROWS.len() as f64;
        surface.font(10.5, &frame.palette.font);
        for (at, (name, read, least_top)) in ROWS.into_iter().enumerate() {
            let (top, bottom) = (at as f64 * height + GAP, (at + 1) as f64 * height - 0.5);
            surface.fill_colour(&frame.palette.faint);
            surface.text(name, axis::LEFT - 7.0, bottom - 1.0, Align::Right);
            surface.stroke_style(&frame.palette.line, 1.0, &[]);
            surface.line((axis::LEFT, bottom), (axis::LEFT + time.width_px, bottom));
            let values: Vec<Option<(Time, f64)>> = points
                .iter()
                .map(|point| point.as_ref().and_then(|point| Some((point.at, read(point)?))))
                .collect();
            let highest = values.iter().flatten().map(|(_, value)| *value).fold(least_top, f64::max);
            let place = |(at, value): &(Time, f64)| {
                (time.pixel_from_time(*at), bottom - value / highest * (bottom - top))
            };
            // Losses use the page's red.
            let colour =
                if at == 0 { &frame.palette.bad } else { frame.palette.colour(running.series_style) };
            surface.fill_colour(colour);
            surface.stroke_style(colour, 1.3, &[]);
            for run in values.split(Option::is_none).filter(|run| !run.is_empty()) {
                // A value that is always zero needs no line.
                if run.iter().flatten().all(|(_, value)| *value == 0.0) {
                    continue;
                }
                let run: Vec<_> = run.iter().flatten().map(place).collect();
                surface.alpha(0.2);
                surface.area(&run, bottom);
                surface.alpha(1.0);
                surface.polyline(&run);
            }
        }
        mark_moment(surface, frame, time, engine.marked, size.1);
    }
}
