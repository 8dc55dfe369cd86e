//! Design tokens of the style sheet that canvases need.

use sluice_shared::mode::Transport;

use crate::charts::series;
use crate::charts::series::SeriesStyle;
use sluice_browser::surface;

/// A lane's colours, from a fresh message to a stale one.
pub type Ramp = [String; RAMP];
/// Number of steps in a [`Ramp`].
pub const RAMP: usize = 6;

/// Colours and font of the current theme.
#[derive(Debug, Default)]
pub struct Palette {
    /// Background of a card.
    pub panel: String,
    /// Inside of tanks.
    pub raised: String,
    /// Hairlines.
    pub line: String,
    /// Pipe between tanks.
    pub pipe: String,
    /// Text.
    pub ink: String,
    /// Secondary text.
    pub soft: String,
    /// Axes.
    pub faint: String,
    /// Loss, dead connections, overflow.
    pub bad: String,
    /// The credit gate.
    pub gate: String,
    /// Shades of the WebSocket family, each fading to the colour of a stale message.
    pub websocket: [Ramp; SeriesStyle::SHADES],
    /// Shades of the WebTransport family, likewise.
    pub webtransport: [Ramp; SeriesStyle::SHADES],
    /// The page's font families.
    pub font: String,
}

impl Palette {
    /// Reads the tokens as the browser computes them for an element of the page.
    pub fn read() -> Self {
        let token = surface::computed_colours();
        let stale = token("--stale");
        let ramp = |name: &str| -> Ramp {
            let fresh = token(name);
            core::array::from_fn(|step| series::mixed(&fresh, &stale, step as f64 / (RAMP - 1) as f64))
        };
        Self {
            panel: token("--panel"),
            raised: token("--raised"),
            line: token("--line"),
            pipe: token("--pipe"),
            ink: token("--ink"),
            soft: token("--soft"),
            faint: token("--faint"),
            bad: token("--bad"),
            gate: token("--gate"),
            websocket: core::array::from_fn(|shade| ramp(&format!("--ws-{shade}"))),
            webtransport: core::array::from_fn(|shade| ramp(&format!("--wt-{shade}"))),
            font: surface::computed_font(),
        }
    }

    /// Returns a lane's colour.
    pub fn colour(&self, series_style: SeriesStyle) -> &str {
        let [fresh, ..] = self.ramp(series_style);
        fresh
    }

    /// Returns a lane's colours by the age of a message.
    pub fn ramp(&self, series_style: SeriesStyle) -> &Ramp {
        let family = match series_style.transport {
            Transport::WebSocket => &self.websocket,
            Transport::WebTransport => &self.webtransport,
        };
        &family[series_style.ordinal % SeriesStyle::SHADES]
    }
}
