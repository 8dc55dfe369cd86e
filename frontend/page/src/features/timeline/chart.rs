//! Chart of the timeline: latency of all lanes on one axis, with outages, changes and connections. The canvas
//! painter and the SVG export call it with their own pen, so both draw the same picture. It draws from a
//! [`Scene`] only.

use crate::short_list::sort_by_key;
use sluice_bridge::AgeColumn;
use sluice_browser::surface::Align;
use sluice_shared::time::Time;
use sluice_text::format;

use crate::charts::axis::{LEFT, RIGHT, TimeAxis};
use crate::charts::palette::Palette;
use crate::charts::pen::Pen;
use crate::charts::scale::{AgeAxis, AgeScale};
use crate::features::connection::model::Phase;
use crate::features::timeline::scene::{Scene, SceneLane};

/// Space above the plot for the labels of events, pixels.
const TOP: f64 = 20.0;
/// Space below the plot for the labels of the time axis, pixels.
const TIME_LABELS: f64 = 20.0;
/// Height of one lane's connection bar, and the gap below it, pixels.
const BAR: (f64, f64) = (4.0, 2.0);
/// Distance between two columns from which the line of means is interrupted: 300 ms.
const LINE_BREAK: u64 = 6;
/// Font size of all text, pixels.
const FONT: f64 = 12.0;
/// Average width of a character, pixels; labels that would overlap are omitted.
const CHARACTER: f64 = 6.4;

/// Returns the time axis of a scene on a canvas of this width.
pub(crate) fn axis_of(scene: &Scene, width: f64) -> TimeAxis {
    TimeAxis {
        right: scene.until,
        span_micros: (scene.until.as_micros() - scene.from.as_micros()) as f64,
        left_px: LEFT,
        width_px: (width - RIGHT - LEFT).max(1.0),
    }
}

/// Chart of one scene.
pub(crate) struct Chart<'a> {
    pen: &'a dyn Pen,
    palette: &'a Palette,
    scale: AgeScale,
    /// The time axis.
    pub(crate) time: TimeAxis,
    /// Upper edge of the plot, pixels.
    pub(crate) top: f64,
    /// Lower edge of the plot, pixels.
    pub(crate) bottom: f64,
    height: f64,
}

impl<'a> Chart<'a> {
    /// Returns the chart of `scene` between `header` and `height` pixels from the upper edge.
    pub(crate) fn new(
        pen: &'a dyn Pen,
        palette: &'a Palette,
        axis: AgeAxis,
        scene: &Scene,
        (width, height): (f64, f64),
        header: f64,
    ) -> Self {
        let bars = scene.lanes.len() as f64 * (BAR.0 + BAR.1);
        Self {
            pen,
            palette,
            scale: AgeScale::fitting(axis, u64::from(scene.max_latency().unwrap_or(0))),
            time: axis_of(scene, width),
            top: header + TOP,
            bottom: height - TIME_LABELS - bars,
            height,
        }
    }

    /// Draws the complete scene.
    pub(crate) fn draw(&self, scene: &Scene) {
        self.pen.font(FONT, &self.palette.font);
        self.outages(scene);
        self.grid();
        self.time_labels(scene);
        self.events(scene);
        for (position, lane) in scene.lanes.iter().enumerate() {
            self.latency(lane, scene.visible(position));
        }
        for (position, lane) in scene.lanes.iter().enumerate() {
            self.connection(lane, self.bottom + BAR.1 + position as f64 * (BAR.0 + BAR.1));
        }
    }

    fn right(&self) -> f64 {
        self.time.left_px + self.time.width_px
    }

    fn pixel_from_latency(&self, micros: f64) -> f64 {
        self.bottom - self.scale.share_from_age(micros) * (self.bottom - self.top)
    }

    fn pixel_from_time(&self, time: Time) -> f64 {
        self.time.pixel_from_time(time).clamp(self.time.left_px, self.right())
    }

    fn outages(&self, scene: &Scene) {
        let palette = self.palette;
        for outage in &scene.outages {
            let (left, right) = (
                self.pixel_from_time(outage.from),
                self.pixel_from_time(outage.until.unwrap_or(scene.until)),
            );
            self.pen.fill_colour(&palette.bad);
            self.pen.alpha(0.13);
            self.pen.rect((left, self.top), ((right - left).max(1.0), self.bottom - self.top));
            self.pen.alpha(1.0);
        }
    }

    fn grid(&self) {
        let palette = self.palette;
        self.pen.fill_colour(&palette.soft);
        self.pen.stroke_style(&palette.line, 1.0, &[]);
        let lines = self.scale.lines();
        // Labels closer than a line of text would overlap.
        let spacing = (self.bottom - self.top) / lines.len().saturating_sub(1).max(1) as f64;
        let every = (15.0 / spacing).ceil().max(1.0) as usize;
        for (at, age) in lines.iter().enumerate() {
            let y = self.pixel_from_latency(*age).round() + 0.5;
            self.pen.line((self.time.left_px, y), (self.right(), y));
            if at % every == 0 {
                self.pen.text(&format::axis_age(*age), (self.time.left_px - 7.0, y + 4.0), Align::Right);
            }
        }
    }

    fn time_labels(&self, scene: &Scene) {
        self.pen.fill_colour(&self.palette.soft);
        let narrow = self.time.width_px < 420.0;
        for back in time_steps(self.time.span_micros, if narrow { 3.0 } else { 6.0 }) {
            let at = scene.until.shifted_by_micros(-(back as i64));
            let x = self.time.pixel_from_time(at);
            let (label, align) = match back {
                0 => (if scene.is_recorded { "end" } else { "now" }.to_owned(), Align::Right),
                _ => (
                    ["−", &back_text(back)].concat(),
                    if x < self.time.left_px + 20.0 { Align::Left } else { Align::Center },
                ),
            };
            self.pen.text(&label, (x, self.height - 5.0), align);
        }
    }

    /// Draws changes as dashed lines and outages with their names; labels above the plot only where they fit.
    fn events(&self, scene: &Scene) {
        let palette = self.palette;
        let epochs = scene.epochs.iter().map(|mark| (mark.at, mark.label.clone(), &palette.gate, true));
        let marks = scene.marks.iter().map(|mark| (mark.at, mark.label.clone(), &palette.ink, true));
        let outages = scene.outages.iter().map(|outage| {
            let until = outage.until.unwrap_or(scene.until);
            let span = format::span(until.as_micros().saturating_sub(outage.from.as_micros()));
            (outage.from.max(scene.from), format!("outage {span}"), &palette.bad, false)
        });
        let mut all: Vec<_> = epochs.chain(marks).chain(outages).collect();
        sort_by_key(&mut all, |(at, ..)| *at);
        let mut free_from = self.time.left_px;
        for (at, label, colour, has_line) in all {
            if at < scene.from || at > scene.until {
                continue;
            }
            let x = self.pixel_from_time(at);
            if has_line {
                self.pen.stroke_style(colour, 1.0, &[4.0, 3.0]);
                self.pen.line((x, self.top - 4.0), (x, self.bottom));
            }
            let width = label.chars().count() as f64 * CHARACTER;
            let start = x.min(self.right() - width);
            if start >= free_from {
                self.pen.fill_colour(colour);
                self.pen.text(&label, (start, self.top - 7.0), Align::Left);
                free_from = start + width + 8.0;
            }
        }
    }

    /// Draws the range of latencies as a band, the means as a line, and ticks where messages were skipped.
    fn latency(&self, lane: &SceneLane, columns: &[AgeColumn]) {
        let colour = self.palette.colour(lane.series_style);
        let width = self.time.pixels_from_micros(AgeColumn::WIDTH_MICROS as f64);
        let left = |column: &AgeColumn| {
            self.time.pixel_from_time(Time::from_micros(column.index * AgeColumn::WIDTH_MICROS))
        };
        self.pen.fill_colour(colour);
        self.pen.alpha(0.2);
        for column in columns.iter().filter(|column| column.count > 0) {
            let (top, bottom) = (
                self.pixel_from_latency(f64::from(column.max)),
                self.pixel_from_latency(f64::from(column.min)),
            );
            self.pen.rect((left(column).max(self.time.left_px), top - 0.5), (width, bottom - top + 1.0));
        }
        self.pen.alpha(0.8);
        for column in columns.iter().filter(|column| column.gaps > 0) {
            self.pen.rect((left(column).max(self.time.left_px), self.bottom - 5.0), (width.max(1.5), 5.0));
        }
        self.pen.alpha(1.0);
        self.pen.stroke_style(colour, 1.7, lane.series_style.dash());
        let mut run: Vec<(f64, f64)> = Vec::new();
        let mut last_index = 0;
        for column in columns.iter().filter(|column| column.count > 0) {
            if column.index > last_index + LINE_BREAK {
                self.pen.polyline(&run);
                run.clear();
            }
            last_index = column.index;
            let x = left(column) + width / 2.0;
            if x >= self.time.left_px {
                run.push((x, self.pixel_from_latency(f64::from(column.mean))));
            }
        }
        self.pen.polyline(&run);
    }

    /// Draws a bar in the lane's colour while its connection is open, and in red while it is lost.
    fn connection(&self, lane: &SceneLane, top: f64) {
        let palette = self.palette;
        for (from, until, phase) in &lane.phases {
            let (colour, alpha) = match phase {
                Phase::Idle => continue,
                Phase::Open(_) => (palette.colour(lane.series_style), 0.75),
                Phase::Connecting => (palette.soft.as_str(), 0.5),
                Phase::Down | Phase::Reconnecting | Phase::Waiting(_) => (palette.bad.as_str(), 1.0),
            };
            let (left, right) = (self.pixel_from_time(*from), self.pixel_from_time(*until));
            if right <= left {
                continue;
            }
            self.pen.fill_colour(colour);
            self.pen.alpha(alpha);
            self.pen.rect((left, top), ((right - left).max(1.5), BAR.0));
        }
        self.pen.alpha(1.0);
    }

    /// Shades the current selection.
    pub(crate) fn selection(&self, from: Time, until: Time) {
        let (left, right) = (self.pixel_from_time(from), self.pixel_from_time(until));
        self.pen.fill_colour(&self.palette.gate);
        self.pen.alpha(0.16);
        self.pen.rect((left, self.top), (right - left, self.bottom - self.top));
        self.pen.alpha(1.0);
    }
}

/// Formats a round time span in whole units.
fn back_text(micros: u64) -> String {
    if micros.is_multiple_of(1_000_000) {
        [&(micros / 1_000_000).to_string(), " s"].concat()
    } else {
        [&(micros / 1_000).to_string(), " ms"].concat()
    }
}

/// Returns about `wanted` round time spans back from the right edge, 0 first, microseconds.
fn time_steps(span_micros: f64, wanted: f64) -> impl Iterator<Item = u64> {
    let rough = (span_micros / wanted).max(1.0);
    let decade = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough).max(1.0) as u64;
    (0..=(span_micros as u64) / step).map(move |at| at * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_labelled_in_round_steps() {
        assert_eq!(
            time_steps(30e6, 6.0).collect::<Vec<_>>(),
            [0, 5, 10, 15, 20, 25, 30].map(|s| s * 1_000_000)
        );
        assert_eq!(time_steps(30e6, 3.0).count(), 4);
        assert_eq!(time_steps(0.9e6, 6.0).collect::<Vec<_>>(), [0, 200, 400, 600, 800].map(|ms| ms * 1_000));
    }
}
