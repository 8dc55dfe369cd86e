//! The lanes' age distributions laid over each other: share of messages consumed within an age, the share in
//! log-odds so that the last per mille has room, the age by its logarithm.

use crate::charts::frame_loop::Frame;
use crate::engine::driver::EngineHandle;
use sluice_bridge::curve_share;
use sluice_browser::surface::Align;
use sluice_browser::surface::Surface;
use sluice_text::format;

const LEFT: f64 = 50.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 20.0;
/// Younger ages are drawn at the left edge: they are within what is known of the clocks' offset.
const YOUNGEST_MICROS: u32 = 100;
/// Room for a label of the age axis.
const LABEL_WIDTH: f64 = 46.0;
const SHARES: [(f64, &str); 6] =
    [(0.01, "1 %"), (0.1, "10 %"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %")];

/// Paints the curves of all lanes.
#[derive(Debug)]
pub struct CurvePainter {
    engine: EngineHandle,
    drawn: Option<(u64, usize)>,
}

impl CurvePainter {
    /// A painter for all lanes.
    pub const fn new(engine: EngineHandle) -> Self {
        Self { engine, drawn: None }
    }

    /// Paints the curves, as often as the summaries are published.
    pub fn paint(&mut self, surface: &mut Surface, frame: &Frame) {
        let Some((width, height)) = surface.fit() else { return };
        let engine = self.engine.borrow();
        let look = (engine.published(), std::rc::Rc::as_ptr(&frame.palette) as usize);
        if !surface.take_resized() && self.drawn == Some(look) {
            return;
        }
        self.drawn = Some(look);
        surface.clear((width, height));
        let lanes: Vec<_> = engine
            .lanes()
            .filter(|running| running.model.summary.epoch.measured().is_some())
            .filter(|running| !running.model.summary.epoch.curve.is_empty())
            .collect();
        let ages = || lanes.iter().flat_map(|running| running.model.summary.epoch.curve.iter().copied());
        let (lowest, highest) = (ages().min().unwrap_or(300), ages().max().unwrap_or(30_000));
        let low = f64::from(lowest.max(YOUNGEST_MICROS)).log10().floor();
        let plot = Plot {
            surface,
            frame,
            size: (width, height),
            low,
            high: f64::from(highest.max(1)).log10().ceil().max(low + 2.0),
        };
        plot.axes();
        for running in lanes {
            let points: Vec<_> = running
                .model
                .summary
                .epoch
                .curve
                .iter()
                .enumerate()
                .map(|(index, age)| (plot.x_from_age(f64::from(*age)), plot.y_from_share(curve_share(index))))
                .collect();
            surface.stroke_style(frame.palette.tone(running.tone), 2.0, running.tone.dash());
            surface.polyline(&points);
        }
    }
}

struct Plot<'a> {
    surface: &'a Surface,
    frame: &'a Frame,
    size: (f64, f64),
    /// Decimal logarithms of the ages, microseconds, at the left and right edge.
    low: f64,
    high: f64,
}

impl Plot<'_> {
    fn x_from_age(&self, micros: f64) -> f64 {
        let share = (micros.max(1.0).log10() - self.low) / (self.high - self.low);
        LEFT + share.clamp(0.0, 1.0) * (self.size.0 - LEFT - RIGHT)
    }

    fn y_from_share(&self, share: f64) -> f64 {
        let odds = |share: f64| (share / (1.0 - share)).ln();
        let along = (odds(share) - odds(0.01)) / (odds(0.999) - odds(0.01));
        self.size.1 - BOTTOM - along.clamp(0.0, 1.0) * (self.size.1 - BOTTOM - TOP)
    }

    fn axes(&self) {
        let palette = &self.frame.palette;
        let (right, bottom) = (self.size.0 - RIGHT, self.size.1 - BOTTOM);
        self.surface.font(10.5, &palette.font);
        self.surface.fill_colour(&palette.faint);
        self.surface.stroke_style(&palette.line, 1.0, &[]);
        for (share, label) in SHARES {
            let y = self.y_from_share(share).round() + 0.5;
            self.surface.line((LEFT, y), (right, y));
            self.surface.text(label, LEFT - 7.0, y + 3.5, Align::Right);
        }
        let decades = (self.high - self.low) as i32;
        let spacing = (right - LEFT) / f64::from(decades.max(1));
        let every = (LABEL_WIDTH / spacing).ceil().max(1.0) as i32;
        for decade in 0..=decades {
            let micros = 10f64.powf(self.low + f64::from(decade));
            let x = self.x_from_age(micros);
            self.surface.line((x, TOP), (x, bottom));
            if decade % every == 0 {
                let (x, align) =
                    if decade == decades { (right + 8.0, Align::Right) } else { (x, Align::Center) };
                self.surface.text(&format::axis_age(micros), x, bottom + 15.0, align);
            }
        }
    }
}
