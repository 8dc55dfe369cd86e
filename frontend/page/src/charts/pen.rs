//! Drawing operations common to a canvas and a picture in a file.

use sluice_browser::surface::{Align, Surface};

/// Target for lines, areas and text, in pixels from the top left corner.
pub(crate) trait Pen {
    /// Sets the opacity of subsequent drawing, 0 to 1.
    fn alpha(&self, alpha: f64);

    /// Sets the fill colour of areas and text.
    fn fill_colour(&self, colour: &str);

    /// Sets colour, width and dash of lines.
    fn stroke_style(&self, colour: &str, width: f64, dash: &[f64]);

    /// Sets the font of subsequent text.
    fn font(&self, pixels: f64, families: &str);

    /// Fills a rectangle.
    fn rect(&self, origin: (f64, f64), size: (f64, f64));

    /// Draws one straight line.
    fn line(&self, from: (f64, f64), to: (f64, f64));

    /// Draws a line through points.
    fn polyline(&self, points: &[(f64, f64)]);

    /// Draws text on a baseline.
    fn text(&self, text: &str, origin: (f64, f64), align: Align);
}

impl Pen for Surface {
    fn alpha(&self, alpha: f64) {
        Self::alpha(self, alpha);
    }

    fn fill_colour(&self, colour: &str) {
        Self::fill_colour(self, colour);
    }

    fn stroke_style(&self, colour: &str, width: f64, dash: &[f64]) {
        Self::stroke_style(self, colour, width, dash);
    }

    fn font(&self, pixels: f64, families: &str) {
        Self::font(self, pixels, families);
    }

    fn rect(&self, (x, y): (f64, f64), (width, height): (f64, f64)) {
        Self::rect(self, x, y, width, height);
    }

    fn line(&self, from: (f64, f64), to: (f64, f64)) {
        Self::line(self, from, to);
    }

    fn polyline(&self, points: &[(f64, f64)]) {
        Self::polyline(self, points);
    }

    fn text(&self, text: &str, (x, y): (f64, f64), align: Align) {
        Self::text(self, text, x, y, align);
    }
}
