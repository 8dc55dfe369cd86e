//! Paints a lane's connection timeline on the time axis of its latency chart: heartbeats by round-trip time,
//! and a bar of the connection's phases. It redraws only when the timeline has moved by a column.

use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

use crate::charts::axis::RIGHT;
use crate::charts::axis::SPAN_MICROS;
use crate::charts::axis::TimeAxis;
use crate::charts::axis::time_axis;
use crate::charts::frame_loop::Frame;
use crate::charts::series::SeriesStyle;
use crate::engine::driver::EngineHandle;
use crate::engine::lane::LaneId;
use crate::features::connection::model::Phase;
use sluice_bridge::AgeColumn;
use sluice_bridge::ConnectionEvent;
use sluice_bridge::ConnectionEventKind;
use sluice_browser::surface::Align;
use sluice_browser::surface::Surface;

/// Vertical range of heartbeats, from the slowest round trip to the fastest, pixels.
const TOP: f64 = 3.5;
const BOTTOM: f64 = 17.5;
/// Top of the bar that shows the connection's phase, pixels.
const BAR: f64 = 21.0;
const BAR_HEIGHT: f64 = 5.0;
/// Round-trip times at the bottom and at the top, microseconds.
const RTTS: (f64, f64) = (200.0, 2e6);
/// Distance between the lines of a hatched bar, pixels.
const HATCH: f64 = 5.0;
/// Space that a label needs to the right of its mark, pixels.
const WORD: f64 = 62.0;

/// Painter of one lane's connection timeline.
#[derive(Debug)]
pub struct LifePainter {
    engine: EngineHandle,
    lane: LaneId,
    drawn: Option<(u64, usize)>,
}

impl LifePainter {
    /// Returns a painter for `lane`.
    pub const fn new(engine: EngineHandle, lane: LaneId) -> Self {
        Self { engine, lane, drawn: None }
    }

    /// Paints a frame if the timeline has moved by a column since the last one.
    pub fn paint(&mut self, surface: &mut Surface, frame: &Frame) {
        let Some(size) = surface.fit() else { return };
        let engine = self.engine.borrow();
        let Some((_, running)) = engine.lane(self.lane) else { return };
        let column = frame.now.as_micros() / AgeColumn::WIDTH_MICROS;
        let look = (column, std::rc::Rc::as_ptr(&frame.palette) as usize);
        if !surface.take_resized() && self.drawn == Some(look) {
            return;
        }
        self.drawn = Some(look);
        let now = Time::from_micros(column * AgeColumn::WIDTH_MICROS);
        let time = time_axis(now, size.0 - RIGHT);
        surface.clear(size);
        let line = Line { surface, frame, time, series_style: running.series_style };
        for (from, to, phase) in running.model.connection_timeline.spans(now) {
            line.phase(from, to, phase);
        }
        let begins = now.shifted_by_micros(-(SPAN_MICROS as i64));
        running
            .model
            .connection_timeline
            .events()
            .filter(|event| event.at >= begins)
            .for_each(|event| line.event(*event));
    }
}

struct Line<'a> {
    surface: &'a Surface,
    frame: &'a Frame,
    time: TimeAxis,
    series_style: SeriesStyle,
}

impl Line<'_> {
    fn phase(&self, from: Time, to: Time, phase: Phase) {
        let right = self.time.left_px + self.time.width_px;
        let pixel = |at| self.time.pixel_from_time(at).clamp(self.time.left_px, right);
        let (left, end) = (pixel(from), pixel(to));
        if end - left <= 0.0 {
            return;
        }
        let palette = &self.frame.palette;
        let (colour, alpha) = match phase {
            Phase::Idle => return,
            Phase::Open(transport) => (self.colour(transport), 0.55),
            Phase::Connecting => (palette.soft.as_str(), 0.35),
            Phase::Down => (palette.bad.as_str(), 1.0),
            Phase::Reconnecting => (palette.bad.as_str(), 0.5),
            Phase::Waiting(_) => (palette.bad.as_str(), 0.25),
        };
        self.surface.fill_colour(colour);
        self.surface.alpha(alpha);
        self.surface.rect(left, BAR, (end - left).max(1.5), BAR_HEIGHT);
        self.surface.alpha(1.0);
        if let Phase::Waiting(until) = phase {
            self.surface.stroke_style(&palette.bad, 1.0, &[]);
            let mut x = left;
            while x < end {
                self.surface.line((x, BAR + BAR_HEIGHT), ((x + HATCH).min(end), BAR));
                x += HATCH;
            }
            // Uses the planned end: the network's return may have cut the wait short.
            let planned = self.time.pixel_from_time(until).min(right);
            self.surface.line((planned, BAR - 2.0), (planned, BAR + BAR_HEIGHT));
        }
    }

    fn event(&self, event: ConnectionEvent) {
        let x = self.time.pixel_from_time(event.at);
        let palette = &self.frame.palette;
        match event.kind {
            ConnectionEventKind::Ping => {
                self.surface.fill_colour(&palette.line);
                self.surface.rect(x, TOP, 1.0, BOTTOM - TOP + 2.0);
            }
            ConnectionEventKind::Pong { rtt_micros } => {
                self.surface.fill_colour(palette.colour(self.series_style));
                self.surface.circle(x, pixel_from_rtt(f64::from(rtt_micros)), 1.9);
            }
            ConnectionEventKind::Missed => {
                self.surface.fill_colour(&palette.panel);
                self.surface.stroke_style(&palette.bad, 1.2, &[]);
                let middle = (TOP + BOTTOM) / 2.0;
                self.surface.round_rect((x - 2.5, middle - 2.5), (5.0, 5.0), 2.5, true);
            }
            ConnectionEventKind::Dead | ConnectionEventKind::Lost => self.mark(x, &palette.bad, ""),
            ConnectionEventKind::Online => self.mark(x, &palette.gate, "online"),
            ConnectionEventKind::Welcome(_, start) => self.mark(x, &palette.ink, start.name()),
            ConnectionEventKind::TransportOpen(transport) => self.notch(x, self.colour(transport)),
            ConnectionEventKind::Connecting(_) => self.notch(x, &palette.soft),
            ConnectionEventKind::Backoff { .. }
            | ConnectionEventKind::Fresh
            | ConnectionEventKind::Closed => {}
        }
    }

    /// Draws a mark over the whole height, with its label where there is room.
    fn mark(&self, x: f64, colour: &str, word: &str) {
        self.surface.fill_colour(colour);
        self.surface.rect(x - 0.75, TOP - 2.0, 1.5, BAR + BAR_HEIGHT - TOP + 2.0);
        if !word.is_empty() && x + WORD < self.time.left_px + self.time.width_px {
            self.surface.font(9.5, &self.frame.palette.font);
            self.surface.text(word, x + 3.0, TOP + 6.0, Align::Left);
        }
    }

    fn notch(&self, x: f64, colour: &str) {
        self.surface.fill_colour(colour);
        self.surface.rect(x - 0.5, BAR - 3.0, 1.0, BAR_HEIGHT + 3.0);
    }

    /// Returns the lane's own colour, or that of the other transport while the lane has fallen back.
    fn colour(&self, transport: Transport) -> &str {
        let series_style = if transport == self.series_style.transport {
            self.series_style
        } else {
            SeriesStyle { transport, ordinal: 0 }
        };
        self.frame.palette.colour(series_style)
    }
}

/// Returns the height of a round-trip time: fast ones are low, slow ones high, on a logarithmic scale.
fn pixel_from_rtt(micros: f64) -> f64 {
    let (low, high) = RTTS;
    let share = (micros.clamp(low, high) / low).ln() / (high / low).ln();
    BOTTOM - share * (BOTTOM - TOP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_round_trip_lies_higher_and_none_leaves_the_line() {
        assert!((pixel_from_rtt(0.0) - BOTTOM).abs() < 1e-9);
        assert!((pixel_from_rtt(1e12) - TOP).abs() < 1e-9);
        assert!(pixel_from_rtt(100_000.0) < pixel_from_rtt(1_000.0));
    }
}
