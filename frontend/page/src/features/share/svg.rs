//! Implementation of the chart pen that writes SVG, used by the export of the timeline. All markup is static;
//! any other text is escaped before it is written.

use std::cell::RefCell;

use sluice_browser::surface::Align;
use sluice_text::decimal::fixed;

use crate::charts::pen::Pen;

/// Text escaped for an SVG document, for use between tags and in attributes: markup is escaped, and
/// characters that XML does not allow are removed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct EscapedText(String);

impl EscapedText {
    fn new(text: &str) -> Self {
        let mut escaped = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                '\t' | '\n' | '\r' => escaped.push(' '),
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
                other => escaped.push(other),
            }
        }
        Self(escaped)
    }
}

/// Part of the document.
enum Part<'a> {
    /// Static markup.
    Markup(&'static str),
    /// Number, rounded to a hundredth.
    Number(f64),
    /// Arbitrary text, escaped when written.
    Text(&'a str),
}

use Part::{Markup, Number, Text};

/// Pen that records drawing operations as an SVG document.
#[derive(Debug)]
pub struct SvgPen {
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    document: String,
    fill: String,
    stroke: String,
    width: f64,
    dash: Vec<f64>,
    alpha: f64,
    font: (f64, String),
}

impl SvgPen {
    /// Returns an empty picture of this size, in pixels, with a title for screen readers.
    pub fn new((width, height): (f64, f64), title: &str) -> Self {
        let pen = Self {
            state: RefCell::new(State {
                document: String::new(),
                fill: "black".to_owned(),
                stroke: "black".to_owned(),
                width: 1.0,
                dash: Vec::new(),
                alpha: 1.0,
                font: (12.0, "sans-serif".to_owned()),
            }),
        };
        pen.write(&[
            Markup("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\""),
            Number(width),
            Markup("\" height=\""),
            Number(height),
            Markup("\" viewBox=\"0 0 "),
            Number(width),
            Markup(" "),
            Number(height),
            Markup("\" role=\"img\">\n<title>"),
            Text(title),
            Markup("</title>\n"),
        ]);
        pen
    }

    /// Returns the document.
    pub fn finish(self) -> String {
        self.write(&[Markup("</svg>\n")]);
        self.state.into_inner().document
    }

    fn write(&self, parts: &[Part<'_>]) {
        self.state.borrow_mut().write(parts);
    }
}

impl State {
    fn write(&mut self, parts: &[Part<'_>]) {
        for part in parts {
            match part {
                Markup(markup) => self.document.push_str(markup),
                Number(number) => self.document.push_str(&hundredths(*number)),
                Text(text) => self.document.push_str(&EscapedText::new(text).0),
            }
        }
    }

    /// Writes the fill and opacity of an area or text, and closes the tag with `end`.
    fn write_fill(&mut self, end: &'static str) {
        let fill = core::mem::take(&mut self.fill);
        self.write(&[Markup("\" fill=\""), Text(&fill)]);
        self.fill = fill;
        if self.alpha < 1.0 {
            self.write(&[Markup("\" fill-opacity=\""), Number(self.alpha)]);
        }
        self.write(&[Markup(end)]);
    }

    /// Writes the points, colour, width and dash of a line.
    fn write_line(&mut self, points: &[(f64, f64)]) {
        self.write(&[Markup("<polyline fill=\"none\" points=\"")]);
        for (at, (x, y)) in points.iter().enumerate() {
            self.write(&[Markup(if at == 0 { "" } else { " " }), Number(*x), Markup(","), Number(*y)]);
        }
        let stroke = core::mem::take(&mut self.stroke);
        self.write(&[
            Markup("\" stroke=\""),
            Text(&stroke),
            Markup("\" stroke-width=\""),
            Number(self.width),
        ]);
        self.stroke = stroke;
        if self.alpha < 1.0 {
            self.write(&[Markup("\" stroke-opacity=\""), Number(self.alpha)]);
        }
        if !self.dash.is_empty() {
            let dash: Vec<_> = self.dash.iter().map(|length| hundredths(*length)).collect();
            self.write(&[Markup("\" stroke-dasharray=\""), Text(&dash.join(" "))]);
        }
        self.write(&[Markup("\"/>\n")]);
    }
}

impl Pen for SvgPen {
    fn alpha(&self, alpha: f64) {
        self.state.borrow_mut().alpha = alpha;
    }

    fn fill_colour(&self, colour: &str) {
        colour.clone_into(&mut self.state.borrow_mut().fill);
    }

    fn stroke_style(&self, colour: &str, width: f64, dash: &[f64]) {
        let state = &mut *self.state.borrow_mut();
        colour.clone_into(&mut state.stroke);
        (state.width, state.dash) = (width, dash.to_vec());
    }

    fn font(&self, pixels: f64, families: &str) {
        self.state.borrow_mut().font = (pixels, families.to_owned());
    }

    fn rect(&self, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let state = &mut *self.state.borrow_mut();
        state.write(&[
            Markup("<rect x=\""),
            Number(x),
            Markup("\" y=\""),
            Number(y),
            Markup("\" width=\""),
            Number(width),
            Markup("\" height=\""),
            Number(height),
        ]);
        state.write_fill("\"/>\n");
    }

    fn line(&self, from: (f64, f64), to: (f64, f64)) {
        self.state.borrow_mut().write_line(&[from, to]);
    }

    fn polyline(&self, points: &[(f64, f64)]) {
        if points.len() > 1 {
            self.state.borrow_mut().write_line(points);
        }
    }

    fn text(&self, text: &str, (x, y): (f64, f64), align: Align) {
        let state = &mut *self.state.borrow_mut();
        let anchor = match align {
            Align::Left => "start",
            Align::Center => "middle",
            Align::Right => "end",
        };
        let (pixels, families) = state.font.clone();
        state.write(&[
            Markup("<text x=\""),
            Number(x),
            Markup("\" y=\""),
            Number(y),
            Markup("\" text-anchor=\""),
            Markup(anchor),
            Markup("\" font-size=\""),
            Number(pixels),
            Markup("\" font-family=\""),
            Text(&families),
        ]);
        state.write_fill("\">");
        state.write(&[Text(text), Markup("</text>\n")]);
    }
}

/// Formats a number rounded to a hundredth, without trailing zeros.
fn hundredths(value: f64) -> String {
    fixed(value, 2).trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_written() {
        let pen = SvgPen::new((100.0, 50.0), "Latency");
        pen.fill_colour("rgb(1, 2, 3)");
        pen.alpha(0.2);
        pen.rect((1.0, 2.5), (10.0, 0.333));
        pen.alpha(1.0);
        pen.stroke_style("red", 1.7, &[6.0, 3.0]);
        pen.line((0.0, 0.0), (10.0, -1.0));
        pen.polyline(&[(5.0, 5.0)]);
        pen.font(12.0, "\"Noto Sans\", serif");
        pen.text("a", (3.0, 4.0), Align::Right);
        let expected = r##"<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50" viewBox="0 0 100 50" role="img">
<title>Latency</title>
<rect x="1" y="2.5" width="10" height="0.33" fill="rgb(1, 2, 3)" fill-opacity="0.2"/>
<polyline fill="none" points="0,0 10,-1" stroke="red" stroke-width="1.7" stroke-dasharray="6 3"/>
<text x="3" y="4" text-anchor="end" font-size="12" font-family="&quot;Noto Sans&quot;, serif" fill="rgb(1, 2, 3)">a</text>
</svg>
"##;
        assert_eq!(pen.finish(), expected);
    }

    #[test]
    fn no_text_becomes_markup() {
        let hostile = "<script>alert(\"1\" & '2')</script>\u{0}\u{b}\n]]>";
        let pen = SvgPen::new((1.0, 1.0), hostile);
        pen.fill_colour(hostile);
        pen.stroke_style(hostile, 1.0, &[]);
        pen.font(1.0, hostile);
        pen.text(hostile, (0.0, 0.0), Align::Left);
        pen.line((0.0, 0.0), (1.0, 1.0));
        let document = pen.finish();
        let escaped = "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt; ]]&gt;";
        assert_eq!(document.matches(escaped).count(), 5, "{document}");
        assert!(!document.contains("<script"));
        assert_eq!(document.matches('<').count(), 7, "{document}");
    }
}
