//! Paints the strip of pipeline stages: tanks with their levels, the credit gate, and moving messages. One
//! [`StripPainter`] per lane is called once per animation frame and reads the engine directly.

use sluice_shared::wire::Waiting;

use crate::charts::frame_loop::Frame;
use crate::charts::palette::Palette;
use crate::charts::palette::RAMP;
use crate::engine::driver::EngineHandle;
use crate::engine::lane::LaneId;
use crate::engine::running_lane::RunningLane;
use crate::features::pipeline::dots;
use crate::features::pipeline::dots::DotPlace;
use crate::features::pipeline::levels;
use crate::features::pipeline::levels::Place;
use sluice_browser::surface::Surface;

/// Maximum width of a tank, pixels.
const TANK_WIDTH: f64 = 88.0;
/// Maximum share of its column that a tank takes.
const TANK_SHARE: f64 = 0.66;
/// Space above and below the tanks, for the gate's travel.
const MARGIN: f64 = 7.0;
/// Share of the distance to its target that a level moves per frame.
const EASING: f64 = 0.25;
/// Maximum distance of a dot's track from the pipe's middle, pixels.
const TRACK_REACH: f64 = 9.0;
/// Bounds of the logarithmic age scale, microseconds, over which a dot's colour changes from its lane's to
/// stale.
const FRESH_MICROS: f64 = 5_000.0;
const STALE_MICROS: f64 = 3_000_000.0;

/// Painter of one lane's strip.
#[derive(Debug)]
pub struct StripPainter {
    engine: EngineHandle,
    lane: LaneId,
    /// Drawn shares per stage; they ease towards the measured ones.
    shares: [f64; Place::ALL.len()],
}

impl StripPainter {
    /// Returns a painter for `lane`.
    pub fn new(engine: EngineHandle, lane: LaneId) -> Self {
        Self { engine, lane, shares: [0.0; Place::ALL.len()] }
    }

    /// Paints one frame.
    pub fn paint(&mut self, surface: &mut Surface, frame: &Frame) {
        let Some(size) = surface.fit() else { return };
        let engine = std::rc::Rc::clone(&self.engine);
        let mut engine = engine.borrow_mut();
        let Some(running) = engine.lane_mut(self.lane) else { return };
        running.model.dots.prune(frame.now);
        self.follow(running, frame.reduced_motion);
        surface.clear(size);
        let shape = Shape::new(size);
        shape.pipe(surface, &frame.palette);
        self.tanks(surface, &shape, &frame.palette, running);
        if !frame.reduced_motion {
            shape.dots(surface, frame, running);
        }
        self.gate(surface, &shape, &frame.palette, running);
    }

    fn follow(&mut self, running: &RunningLane, at_once: bool) {
        let summary = &running.model.summary;
        for (drawn, place) in self.shares.iter_mut().zip(Place::ALL) {
            let target = levels::share(place, summary, running.model.link_stats.hops());
            *drawn += (target - *drawn) * if at_once { 1.0 } else { EASING };
        }
    }

    fn tanks(&self, surface: &Surface, shape: &Shape, palette: &Palette, running: &RunningLane) {
        for (at, (place, share)) in Place::ALL.into_iter().zip(self.shares).enumerate() {
            if place == Place::Credit || place.is_emulated() && running.is_direct() {
                continue;
            }
            let left = shape.center(at) - shape.tank_width / 2.0;
            let corner = (left, MARGIN);
            let extent = (shape.tank_width, shape.tank_height());
            // Messages in transit are in buffers owned by the network and the browser, so the tank is dashed.
            let dash: &[f64] = if place == Place::Transit { &[3.0, 3.0] } else { &[] };
            surface.stroke_style(&palette.line, 1.0, dash);
            surface.fill_colour(&palette.raised);
            surface.round_rect(corner, extent, 6.0, true);
            let height = levels::height_from_share(share) * extent.1;
            if height < 0.5 {
                continue;
            }
            let overflowing = levels::is_overflowing(place, share, running.policy());
            surface.fill_colour(if overflowing {
                &palette.bad
            } else {
                palette.colour(running.series_style)
            });
            surface.clip_round_rect((left + 0.5, MARGIN + 0.5), (extent.0 - 1.0, extent.1 - 1.0), 5.5);
            surface.alpha(0.82);
            surface.rect(left, MARGIN + extent.1 - height, extent.0, height);
            surface.alpha(1.0);
            surface.unclip();
        }
    }

    /// Draws the gate, which closes as credit is used and shuts the pipe when none is left.
    fn gate(&self, surface: &Surface, shape: &Shape, palette: &Palette, running: &RunningLane) {
        let at = Place::ALL.iter().position(|place| *place == Place::Credit).unwrap_or(0);
        let center = shape.center(at);
        let half = (shape.tank_width / 4.0).clamp(7.0, 13.0);
        surface.stroke_style(&palette.line, 1.0, &[]);
        surface.fill_colour(&palette.panel);
        surface.alpha(0.75);
        surface.round_rect((center - half, MARGIN), (2.0 * half, shape.tank_height()), 4.0, true);
        surface.alpha(1.0);
        let summary = &running.model.summary;
        let known = summary.credit.window.messages > 0;
        let opening = self.shares[at];
        let travel = shape.tank_height() - 4.0;
        let plate = if known { travel * (1.0 - 0.86 * opening) } else { travel * 0.14 };
        surface.fill_colour(&palette.gate);
        let closed = matches!(summary.waiting, Waiting::NoCredit { .. });
        surface.alpha(if closed { 1.0 } else { 0.88 });
        surface.round_rect((center - half + 3.0, MARGIN + 2.0), (2.0 * half - 6.0, plate), 3.0, false);
        surface.rect(center - half - 2.0, MARGIN - 3.0, 2.0 * half + 4.0, 3.0);
        surface.alpha(1.0);
    }
}

/// Geometry of a strip of a given size.
struct Shape {
    width: f64,
    height: f64,
    column: f64,
    tank_width: f64,
}

impl Shape {
    fn new((width, height): (f64, f64)) -> Self {
        let column = width / Place::ALL.len() as f64;
        Self { width, height, column, tank_width: (column * TANK_SHARE).min(TANK_WIDTH) }
    }

    fn center(&self, place: usize) -> f64 {
        (place as f64 + 0.5) * self.column
    }

    fn tank_height(&self) -> f64 {
        self.height - 2.0 * MARGIN
    }

    fn pipe(&self, surface: &Surface, palette: &Palette) {
        let (left, right) = (self.center(0), self.width - 6.0);
        surface.fill_colour(&palette.pipe);
        let thickness = 2.0 * TRACK_REACH + 6.0;
        surface.round_rect(
            (left, self.height / 2.0 - thickness / 2.0),
            (right - left, thickness),
            4.0,
            false,
        );
    }

    fn dots(&self, surface: &Surface, frame: &Frame, running: &RunningLane) {
        let mut between: [Vec<(f64, f64)>; RAMP] = Default::default();
        let mut in_tanks: [Vec<(f64, f64)>; RAMP] = Default::default();
        for dot in running.model.dots.iter() {
            let Some(DotPlace { along, age_micros }) = dots::place(dot, frame.now) else { continue };
            let track = dots::track(running.mode, dot.stream, dot.seq);
            let x = (along * self.column).min(self.width - 8.0);
            let group = if self.is_in_tank(x) { &mut in_tanks } else { &mut between };
            group[shade(age_micros)].push((x, self.height / 2.0 + track * TRACK_REACH));
        }
        let ramp = frame.palette.ramp(running.series_style);
        // Over a tank the level matters; dots there only hint at what moves inside.
        for (alpha, group) in [(0.3, in_tanks), (0.95, between)] {
            surface.alpha(alpha);
            for (centers, colour) in group.iter().zip(ramp).filter(|(centers, _)| !centers.is_empty()) {
                surface.fill_colour(colour);
                surface.circles(centers, 2.0);
            }
        }
        surface.alpha(1.0);
    }

    fn is_in_tank(&self, x: f64) -> bool {
        let place = (x / self.column).floor().clamp(0.0, Place::ALL.len() as f64 - 1.0) as usize;
        Place::ALL.get(place) != Some(&Place::Credit)
            && (x - self.center(place)).abs() < self.tank_width / 2.0
    }
}

/// Returns the step of a lane's colour ramp for an age.
fn shade(age_micros: u64) -> usize {
    let share = (age_micros as f64 / FRESH_MICROS).max(1.0).ln() / (STALE_MICROS / FRESH_MICROS).ln();
    (share.min(1.0) * (RAMP - 1) as f64).round() as usize
}
