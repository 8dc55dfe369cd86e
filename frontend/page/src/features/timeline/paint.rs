//! Message age over the last 30 s, on axes that all lanes share.

use sluice_shared::time::Time;

use crate::charts::frame_loop::Frame;
use crate::charts::projection::TimeAxis;
use crate::charts::scale::AgeScale;
use crate::engine::driver::EngineHandle;
use crate::engine::lane::LaneId;
use sluice_bridge::AgeColumn;
use sluice_browser::surface::Align;
use sluice_browser::surface::Surface;
use sluice_text::format;

/// Where the time axis begins, and what is left free at its end, pixels.
pub(crate) const LEFT: f64 = 52.0;
pub(crate) const RIGHT: f64 = 8.0;
/// The time shown, microseconds.
pub(crate) const SPAN_MICROS: f64 = (AgeColumn::SHOWN as u64 * AgeColumn::WIDTH_MICROS) as f64;
const TOP: f64 = 7.0;
const BOTTOM: f64 = 20.0;
/// Time between labels of the time axis, microseconds.
const LABEL_EVERY: u64 = 5_000_000;
/// Columns apart from which the line of means is broken.
const LINE_BREAK: u64 = 6;
/// Lanes take turns, so that no frame has to draw all charts.
const TURNS: u64 = 3;

/// Paints one lane's age chart.
#[derive(Debug)]
pub struct AgePainter {
    engine: EngineHandle,
    lane: LaneId,
    drawn: Option<(u64, AgeScale, usize, Option<Time>)>,
}

impl AgePainter {
    /// A painter for `lane`.
    pub const fn new(engine: EngineHandle, lane: LaneId) -> Self {
        Self { engine, lane, drawn: None }
    }

    /// Paints a frame, if anything on the chart has moved since the last one.
    pub fn paint(&mut self, surface: &mut Surface, frame: &Frame) {
        let Some(size) = surface.fit() else { return };
        let engine = self.engine.borrow();
        let Some((position, running)) = engine.lane(self.lane) else { return };
        let column = frame.now.as_micros() / AgeColumn::WIDTH_MICROS;
        let look = (column, engine.age_scale(), std::rc::Rc::as_ptr(&frame.palette) as usize, engine.marked);
        let resized = surface.take_resized();
        let its_turn = frame.number % TURNS == position as u64 % TURNS;
        if self.drawn == Some(look) && !resized || !its_turn && !resized && self.drawn.is_some() {
            return;
        }
        self.drawn = Some(look);
        let chart = Chart {
            surface,
            frame,
            scale: engine.age_scale(),
            time: time_axis(Time::from_micros(column * AgeColumn::WIDTH_MICROS), size.0 - RIGHT),
            top: TOP,
            bottom: size.1 - BOTTOM,
        };
        surface.clear(size);
        chart.axes();
        let first = column.saturating_sub(AgeColumn::SHOWN as u64);
        let columns: Vec<AgeColumn> = running.model.columns.since(first).copied().collect();
        chart.columns(&columns, frame.palette.tone(running.tone));
        chart.marks(&columns);
        mark_moment(surface, frame, chart.time, engine.marked, chart.bottom);
    }
}

/// The axis that all charts of a lane share, from [`LEFT`] to `end_px`, with `right` at its end.
pub(crate) const fn time_axis(right: Time, end_px: f64) -> TimeAxis {
    TimeAxis { right, span_micros: SPAN_MICROS, left_px: LEFT, width_px: (end_px - LEFT).max(1.0) }
}

/// Marks a moment that somebody has chosen, as long as it is on the chart.
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

struct Chart<'a> {
    surface: &'a Surface,
    frame: &'a Frame,
    scale: AgeScale,
    time: TimeAxis,
    top: f64,
    bottom: f64,
}

impl Chart<'_> {
    fn pixel_from_age(&self, micros: f64) -> f64 {
        self.bottom - self.scale.share_from_age(micros) * (self.bottom - self.top)
    }

    fn pixel_from_column(&self, index: u64) -> f64 {
        self.time.pixel_from_time(Time::from_micros(index * AgeColumn::WIDTH_MICROS))
    }

    fn axes(&self) {
        let palette = &self.frame.palette;
        self.surface.font(10.5, &palette.font);
        self.surface.fill_colour(&palette.faint);
        self.surface.stroke_style(&palette.line, 1.0, &[]);
        let right = self.time.left_px + self.time.width_px;
        let lines = self.scale.lines();
        // Labels closer than a line of text would run into each other.
        let spacing = (self.bottom - self.top) / lines.len().saturating_sub(1).max(1) as f64;
        let every = (13.0 / spacing).ceil().max(1.0) as usize;
        for (at, age) in lines.iter().enumerate() {
            let y = self.pixel_from_age(*age).round() + 0.5;
            self.surface.line((self.time.left_px, y), (right, y));
            if at % every == 0 {
                self.surface.text(&format::axis_age(*age), self.time.left_px - 7.0, y + 3.5, Align::Right);
            }
        }
        let narrow = self.time.width_px < 420.0;
        let step = if narrow { 2 * LABEL_EVERY } else { LABEL_EVERY };
        let spans = self.time.span_micros as u64 / step;
        for span in 0..=spans {
            let back = span * step;
            let x = self.time.pixel_from_time(self.time.right.shifted_by_micros(-(back as i64)));
            let (label, align) = match span {
                0 => ("now".to_owned(), Align::Right),
                _ if span == spans => (format!("−{} s", back / 1_000_000), Align::Left),
                _ => (format!("−{} s", back / 1_000_000), Align::Center),
            };
            self.surface.text(&label, x, self.bottom + 16.0, align);
        }
    }

    /// The band from smallest to largest age, and a line through the means.
    fn columns(&self, columns: &[AgeColumn], tone: &str) {
        let width = self.time.pixels_from_micros(AgeColumn::WIDTH_MICROS as f64);
        self.surface.fill_colour(tone);
        self.surface.alpha(0.3);
        for column in columns.iter().filter(|column| column.count > 0) {
            let x = self.pixel_from_column(column.index);
            let (top, bottom) =
                (self.pixel_from_age(f64::from(column.max)), self.pixel_from_age(f64::from(column.min)));
            self.surface.rect(x.max(self.time.left_px), top - 0.75, width, bottom - top + 1.5);
        }
        self.surface.alpha(1.0);
        self.surface.stroke_style(tone, 1.6, &[]);
        let mut run: Vec<(f64, f64)> = Vec::new();
        let mut last_index = 0;
        for column in columns.iter().filter(|column| column.count > 0) {
            if column.index > last_index + LINE_BREAK {
                self.surface.polyline(&run);
                run.clear();
            }
            last_index = column.index;
            let x = self.pixel_from_column(column.index) + width / 2.0;
            if x >= self.time.left_px {
                run.push((x, self.pixel_from_age(f64::from(column.mean))));
            }
        }
        self.surface.polyline(&run);
    }

    /// Gaps as red ticks under the chart, ends of stalls as marks on top of it.
    fn marks(&self, columns: &[AgeColumn]) {
        let palette = &self.frame.palette;
        let width = self.time.pixels_from_micros(AgeColumn::WIDTH_MICROS as f64).max(1.5);
        self.surface.fill_colour(&palette.bad);
        for column in columns.iter().filter(|column| column.gaps > 0) {
            self.surface.rect(self.pixel_from_column(column.index), self.bottom + 2.0, width, 4.0);
        }
        self.surface.fill_colour(&palette.ink);
        for column in columns.iter().filter(|column| column.stall) {
            let x = self.pixel_from_column(column.index);
            self.surface.rect(x, self.top - 6.0, 2.0, 6.0);
            self.surface.rect(x - 2.0, self.top - 6.0, 6.0, 2.0);
        }
    }
}
