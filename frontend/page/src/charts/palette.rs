//! The design tokens that canvases need, as the style sheet has them.

use sluice_shared::mode::Transport;

use crate::charts::series;
use crate::charts::series::SeriesStyle;
use sluice_browser::surface;

/// A lane's colour, from a fresh message's to a stale one's.
pub type Ramp = [String; RAMP];
/// Steps of a [`Ramp`].
pub const RAMP: usize = 6;

/// Colours and the font of the theme in force.
#[derive(Debug, Default)]
pub struct Palette {
    /// Behind everything in a card.
    pub panel: String,
    /// The inside of tanks.
    pub raised: String,
    /// Hairlines.
    pub line: String,
    /// The pipe between tanks.
    pub pipe: String,
    /// Text.
    pub ink: String,
    /// Lesser text.
    pub soft: String,
    /// Axes.
    pub faint: String,
    /// Loss, death, overflow.
    pub bad: String,
    /// The credit gate.
    pub gate: String,
    /// Shades of the WebSocket family, each on its way to the colour of an old message.
    pub websocket: [Ramp; SeriesStyle::SHADES],
    /// Shades of the WebTransport family, likewise.
    pub webtransport: [Ramp; SeriesStyle::SHADES],
    /// The page's font families.
    pub font: String,
}

impl Palette {
    /// Reads the tokens, as the browser computes them for an element of the page.
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

    /// A lane's colour.
    pub fn colour(&self, series_style: SeriesStyle) -> &str {
        let [fresh, ..] = self.ramp(series_style);
        fresh
    }

    /// A lane's colours by the age of a message.
    pub fn ramp(&self, series_style: SeriesStyle) -> &Ramp {
        let family = match series_style.transport {
            Transport::WebSocket => &self.websocket,
            Transport::WebTransport => &self.webtransport,
        };
        &family[series_style.ordinal % SeriesStyle::SHADES]
    }
}
