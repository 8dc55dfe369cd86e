//! Chart of the lanes' latency distributions: the share of messages consumed within a latency. Drawn for the
//! compare view, only when data, size or colours change. The share is in log-odds, which leaves room for the
//! last per mille; the latency is logarithmic.

use std::rc::Rc;

use leptos::prelude::{Memo, WithUntracked};
use sluice_bridge::{LaneInput, curve_share};

use crate::charts::frame_loop::Frame;
use crate::charts::palette::Palette;
use crate::charts::series::SeriesStyle;
use sluice_browser::surface::Align;
use sluice_browser::surface::Surface;
use sluice_text::format;

const LEFT: f64 = 50.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 20.0;
/// Shorter latencies are drawn at the left edge: they are below the uncertainty of the clock offset.
const YOUNGEST_MICROS: u32 = 100;
/// Width reserved for a label of the latency axis.
const LABEL_WIDTH: f64 = 46.0;
const SHARES: [(f64, &str); 6] =
    [(0.01, "1 %"), (0.1, "10 %"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %")];

/// Distribution of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneCurve {
    series_style: SeriesStyle,
    /// Microseconds at the shares given by [`curve_share`].
    latencies: Vec<u32>,
}

impl LaneCurve {
    /// Returns the curve of `lane`; `None` while there are too few samples.
    pub fn new(lane: &LaneInput, series_style: SeriesStyle) -> Option<Self> {
        let stats = &lane.summary.epoch;
        let is_measured = stats.measured().is_some() && !stats.curve.is_empty();
        is_measured.then(|| Self { series_style, latencies: stats.curve.clone() })
    }
}

/// Painter of all lanes' curves.
#[derive(Debug)]
pub struct CurvePainter {
    curves: Memo<Vec<LaneCurve>>,
    /// Curves and colours of the last drawing.
    drawn: Option<(Vec<LaneCurve>, Rc<Palette>)>,
}

impl CurvePainter {
    /// Returns a painter for all lanes.
    pub const fn new(curves: Memo<Vec<LaneCurve>>) -> Self {
        Self { curves, drawn: None }
    }

    /// Paints the curves if they, the size or the colours have changed.
    pub fn paint(&mut self, surface: &mut Surface, frame: &Frame) {
        let Some((width, height)) = surface.fit() else { return };
        let is_drawn = self.drawn.as_ref().is_some_and(|(drawn, palette)| {
            Rc::ptr_eq(palette, &frame.palette) && self.curves.with_untracked(|curves| curves == drawn)
        });
        if !surface.take_resized() && is_drawn {
            return;
        }
        let curves = self.curves.with_untracked(Vec::clone);
        surface.clear((width, height));
        let latencies = || curves.iter().flat_map(|curve| curve.latencies.iter().copied());
        let (lowest, highest) = (latencies().min().unwrap_or(300), latencies().max().unwrap_or(30_000));
        let low = f64::from(lowest.max(YOUNGEST_MICROS)).log10().floor();
        let plot = Plot {
            surface,
            frame,
            size: (width, height),
            low,
            high: f64::from(highest.max(1)).log10().ceil().max(low + 2.0),
        };
        plot.axes();
        for LaneCurve { series_style, latencies } in &curves {
            let points: Vec<_> = latencies
                .iter()
                .enumerate()
                .map(|(index, micros)| {
                    (plot.x_from_latency(f64::from(*micros)), plot.y_from_share(curve_share(index)))
                })
                .collect();
            surface.stroke_style(frame.palette.colour(*series_style), 2.0, series_style.dash());
            surface.polyline(&points);
        }
        self.drawn = Some((curves, Rc::clone(&frame.palette)));
    }
}

struct Plot<'a> {
    surface: &'a Surface,
    frame: &'a Frame,
    size: (f64, f64),
    /// Base-10 logarithms of the latencies, microseconds, at the left and right edge.
    low: f64,
    high: f64,
}

impl Plot<'_> {
    fn x_from_latency(&self, micros: f64) -> f64 {
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
        self.surface.font(12.0, &palette.font);
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
            let x = self.x_from_latency(micros);
            self.surface.line((x, TOP), (x, bottom));
            if decade % every == 0 {
                let (x, align) =
                    if decade == decades { (right + 8.0, Align::Right) } else { (x, Align::Center) };
                self.surface.text(&format::axis_age(micros), x, bottom + 15.0, align);
            }
        }
    }
}
