//! Paints one lane's flood over the last 30 s: bytes buffered in the browser, remaining room, and heartbeats.
//! All lanes of the inbound view share the axes.

use sluice_shared::time::Time;

use crate::charts::axis;
use crate::charts::frame_loop::Frame;
use crate::charts::scale::AgeAxis;
use crate::charts::scale::AgeScale;
use crate::features::lane_columns::{SnapshotLane, lanes_with_styles};
use crate::features::timeline::marker::mark_moment;
use sluice_bridge::{AgeColumn, InboundColumn, ViewInput};
use sluice_browser::surface::Align;
use sluice_browser::surface::Surface;
use sluice_text::format;

/// Frames between drawings: ten drawings a second at 60 Hz.
const EVERY: u64 = 6;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 4.0;
/// Minimum upper end of the left axis, bytes.
const LEAST_BYTES: u64 = 128 * 1024;
/// Width of the heartbeat axis at the right, pixels.
const RIGHT: f64 = 52.0;

/// Painter of one lane's flood.
#[derive(Debug)]
pub struct InboundPainter {
    lane: SnapshotLane,
    painted: bool,
}

impl InboundPainter {
    /// Returns a painter for `lane`.
    pub const fn new(lane: SnapshotLane) -> Self {
        Self { lane, painted: false }
    }

    /// Paints the chart every few frames, on axes shared by all lanes.
    pub fn paint(&mut self, surface: &mut Surface, frame: &Frame) {
        let Some(size) = surface.fit() else { return };
        self.lane.with_snapshot(|input, position| {
            let is_due = frame.number % EVERY == position as u64 % EVERY;
            if surface.take_resized() || !self.painted || is_due {
                self.painted = true;
                surface.clear(size);
                paint_lane(surface, frame, size, input, position);
            }
        });
    }
}

fn paint_lane(surface: &Surface, frame: &Frame, size: (f64, f64), input: &ViewInput, position: usize) {
    let Some((lane, series_style)) = lanes_with_styles(input).nth(position) else { return };
    let right = frame.now.as_micros() / AgeColumn::WIDTH_MICROS;
    let first = right.saturating_sub(AgeColumn::SHOWN as u64);
    let shown = |column: &&InboundColumn| column.index >= first;
    let all = input.lanes.iter().flat_map(|lane| &lane.inbound).filter(shown);
    let (most_bytes, slowest) = all.fold((LEAST_BYTES, 0), |(bytes, slowest), column| {
        (bytes.max(column.buffered), slowest.max(column.heartbeat_micros.unwrap_or_default()))
    });
    let scale = AgeScale::fitting(AgeAxis::Log, slowest);
    let time = axis::time_axis(Time::from_micros(right * AgeColumn::WIDTH_MICROS), size.0 - RIGHT);
    let (top, bottom) = (TOP, size.1 - BOTTOM);
    let width = time.pixels_from_micros(AgeColumn::WIDTH_MICROS as f64) + 0.5;
    let left = |column: &InboundColumn| {
        time.pixel_from_time(Time::from_micros(column.index * AgeColumn::WIDTH_MICROS))
    };
    let palette = &frame.palette;
    let columns: Vec<_> = lane.inbound.iter().filter(shown).copied().collect();
    surface.fill_colour(&palette.raised);
    for column in columns.iter().filter(|column| column.is_full) {
        surface.rect(left(column), top, width, bottom - top);
    }
    surface.fill_colour(&palette.gate);
    for column in columns.iter().filter(|column| column.is_stopped) {
        surface.rect(left(column), top - 7.0, width, 4.0);
    }
    let heights =
        |column: &InboundColumn| bottom - column.buffered as f64 / most_bytes as f64 * (bottom - top);
    let level: Vec<_> = columns.iter().map(|column| (left(column), heights(column))).collect();
    let colour = palette.colour(series_style);
    surface.fill_colour(colour);
    surface.stroke_style(colour, 1.4, &[]);
    surface.alpha(0.25);
    surface.area(&level, bottom);
    surface.alpha(1.0);
    surface.polyline(&level);
    let heartbeats: Vec<_> = columns
        .iter()
        .filter_map(|column| {
            let share = scale.share_from_age(column.heartbeat_micros? as f64);
            Some((left(column), bottom - share * (bottom - top)))
        })
        .collect();
    surface.stroke_style(&palette.ink, 1.2, &[4.0, 3.0]);
    surface.polyline(&heartbeats);
    surface.stroke_style(&palette.line, 1.0, &[]);
    surface.line((axis::LEFT, bottom + 0.5), (size.0 - RIGHT, bottom + 0.5));
    surface.font(12.0, &palette.font);
    surface.fill_colour(&palette.faint);
    surface.text(&format::bytes(most_bytes), axis::LEFT - 5.0, top + 6.0, Align::Right);
    surface.text("0", axis::LEFT - 5.0, bottom, Align::Right);
    for (share, y) in [(1.0, top + 6.0), (0.0, bottom)] {
        let text = format::axis_age(scale.age_from_share(share));
        surface.text(&text, size.0 - RIGHT + 5.0, y, Align::Left);
    }
    mark_moment(surface, frame, time, input.marked, bottom);
}
