//! Survival of tunnels as SVG: a row for each kind of lane, the tunnel's length from left to right.

use crate::features::migration::survival::Outcome;
use crate::features::migration::survival::Passage;
use sluice_text::decimal::fixed;
use sluice_text::format;
use sluice_text::format::exact_span;

/// The axis' own height, and that of a row.
const TOP: f64 = 34.0;
const ROW: f64 = 44.0;
/// From this width on, CSS pixels, the rows' names stand beside them, and else above.
const ROOMY: f64 = 640.0;
const NAMES: f64 = 208.0;
const NAME: f64 = 14.0;
const MARGIN: f64 = 16.0;
/// After so much silence Chromium gives up a QUIC connection, s: from the earliest to the latest that was measured.
const GIVES_UP: (f64, f64) = (6.4, 7.8);
/// What is shown at least, s.
const LEAST: (f64, f64) = (2.4, 10.6);
/// A mark, and how far marks of one length stand apart.
const RADIUS: f64 = 5.0;
const APART: f64 = 13.0;
/// What a letter takes, at most.
const LETTER: f64 = 6.6;

/// The chart, `width` CSS pixels wide, with the passages of each row.
pub(crate) fn svg(rows: &[Vec<Passage>], width: f64) -> String {
    let (left, row) = if width < ROOMY { (MARGIN, ROW + NAME) } else { (NAMES, ROW) };
    let lengths = || rows.iter().flatten().map(|passage| passage.length_micros as f64 / 1e6);
    let from = lengths().fold(LEAST.0, |least, length| least.min(length - 0.6)).max(0.0);
    let to = lengths().fold(LEAST.1, |most, length| most.max(length + 0.6));
    let bottom = TOP + row * rows.len() as f64;
    let size = [fixed(width, 0), fixed(bottom, 0)];
    let mut chart = Chart {
        axis: (from, to, left, (width - left - MARGIN).max(100.0)),
        svg: ["<svg class=survival viewBox=\"0 0 ", &size[0], " ", &size[1], "\" width=", &size[0], " height=", &size[1], " role=img aria-label=\"Which connections survived tunnels of which length; the table below has the numbers\">"].concat(),
    };
    chart.grid(bottom);
    for (at, passages) in rows.iter().enumerate() {
        let top = TOP + row * at as f64;
        chart.row(passages, top, top + row);
    }
    chart.svg + "</svg>"
}

struct Chart {
    /// From, to, s; left, width, px.
    axis: (f64, f64, f64, f64),
    svg: String,
}

impl Chart {
    fn x(&self, seconds: f64) -> f64 {
        let (from, to, left, width) = self.axis;
        left + width * (seconds - from) / (to - from)
    }

    fn grid(&mut self, bottom: f64) {
        let (from, to, _, width) = self.axis;
        let (first, last) = (self.x(GIVES_UP.0), self.x(GIVES_UP.1));
        let numbers = [first, 16.0, last - first, bottom - 16.0].map(|number| fixed(number, 1));
        let [x, y, wide, high] = &numbers;
        self.svg.extend(["<rect class=band x=", x, " y=", y, " width=", wide, " height=", high, " />"]);
        self.text("band", (first + last) / 2.0, 27.0, "Chromium gives up");
        let every = if width / (to - from) < 34.0 { 2.0 } else { 1.0 };
        let ticks = (0..).map(|n| f64::from(n) * every).take_while(|at| *at <= to);
        for at in ticks.filter(|at| *at >= from) {
            let x = self.x(at);
            self.line("tick", (x, 16.0), (x, bottom));
            self.text("tick", x, 11.0, &[&*fixed(at, 0), "\u{a0}s"].concat());
        }
    }

    fn row(&mut self, passages: &[Passage], top: f64, bottom: f64) {
        let Some(kind) = passages.first().map(|passage| passage.kind) else { return };
        let line = bottom - 20.0;
        self.svg.extend(["<g class=\"way ", kind.transport.name(), "\">"]);
        let right = self.x(self.axis.1);
        self.line("row", (self.axis.2, line), (right, line));
        let (x, y) = if self.axis.2 < NAMES { (2.0, top + NAME - 2.0) } else { (2.0, line + 4.0) };
        self.text("title", x, y, &kind.title());
        // Words stand above their marks, or below where another one stands already.
        let mut taken: Vec<(f64, f64, f64)> = Vec::new();
        for (at, passage) in passages.iter().enumerate() {
            let is_same = |other: &&Passage| tenths(other) == tenths(passage);
            let before = passages[..at].iter().filter(is_same).count() as f64;
            let after = passages[at + 1..].iter().filter(is_same).count() as f64;
            let middle = self.x(passage.length_micros as f64 / 1e6);
            self.mark(passage, (middle + APART * (before - after) / 2.0, line));
            // The newest of one length speaks for all of them.
            let Some(micros) = passage.outcome.micros().filter(|_| after == 0.0) else { continue };
            let words = format::span(micros);
            let half = words.chars().count() as f64 * LETTER / 2.0 + 1.5;
            let (from, to) = (middle - half, middle + half);
            let is_free =
                |y: &f64| !taken.iter().any(|(at, left, right)| at == y && from < *right && *left < to);
            if let Some(y) = [line - 10.0, line + 17.0].into_iter().find(is_free) {
                taken.push((y, from, to));
                self.text("ms", middle, y, &words);
            }
        }
        self.svg.push_str("</g>");
    }

    /// A disc or, with another address at the tunnel's end, a diamond; filled where the connection survived.
    fn mark(&mut self, passage: &Passage, (x, y): (f64, f64)) {
        let outcome = passage.outcome.name();
        let kind = passage.kind.name();
        self.svg.extend(["<g class=\"mark ", outcome, "\" data-testid=tunnel-mark data-of=", &kind]);
        self.svg.extend([" data-number=", &passage.number.to_string(), " data-value=", outcome, ">"]);
        if passage.is_switched {
            let arm = RADIUS + 1.5;
            let corners = [(x, y - arm), (x + arm, y), (x, y + arm), (x - arm, y)];
            for (at, (x, y)) in corners.into_iter().enumerate() {
                self.svg.push_str(if at == 0 { "<path d=\"M" } else { "L" });
                self.svg.extend([&*fixed(x, 1), " ", &fixed(y, 1)]);
            }
            self.svg.push_str("Z\"/>");
        } else {
            let radius = fixed(RADIUS, 1);
            self.svg.extend(["<circle cx=", &fixed(x, 1), " cy=", &fixed(y, 1), " r=", &radius, " />"]);
        }
        self.svg.extend(["<title>", &sentence(passage), "</title></g>"]);
    }

    fn line(&mut self, class: &str, (left, top): (f64, f64), (right, bottom): (f64, f64)) {
        let numbers = [left, top, right, bottom].map(|number| fixed(number, 1));
        let [left, top, right, bottom] = &numbers;
        self.svg.extend(["<path class=", class, " d=\"M", left, " ", top, "L", right, " ", bottom, "\"/>"]);
    }

    /// `text` has no markup: it is made here.
    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.svg.extend([
            "<text class=",
            class,
            " x=",
            &fixed(x, 1),
            " y=",
            &fixed(y, 1),
            ">",
            text,
            "</text>",
        ]);
    }
}

/// A tunnel's length to a tenth of a second: marks of one length stand side by side.
const fn tenths(passage: &Passage) -> u64 {
    (passage.length_micros + 50_000) / 100_000
}

fn sentence(passage: &Passage) -> String {
    let after = passage.outcome.micros().map(exact_span).unwrap_or_default();
    let address = if passage.is_switched { ", another address at its end" } else { "" };
    let outcome = match passage.outcome {
        Outcome::Survived(_) => ["survived; first data ", &after, " after the end"].concat(),
        Outcome::Died(_) => ["died; by resume, first data ", &after, " after the end"].concat(),
        Outcome::Open => "nothing since the end".to_owned(),
    };
    let length = fixed(passage.length_micros as f64 / 1e6, 1);
    let number = (passage.number + 1).to_string();
    ["tunnel ", &number, ", ", &length, "\u{a0}s", address, ": ", &outcome].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::samples;
    use crate::features::migration::survival::Survival;

    fn drawn(width: f64) -> String {
        let mut survival = Survival::default();
        survival.take(&samples::tunnelled());
        svg(&survival.rows(), width)
    }

    #[test]
    fn every_passage_is_a_mark_in_its_row() {
        for width in [330.0, 900.0] {
            let svg = drawn(width);
            assert_eq!(svg.matches("data-testid=tunnel-mark").count(), 5, "{svg}");
            assert_eq!(svg.matches("<text class=title").count(), 3, "{svg}");
            for (outcome, count) in [("survived", 3), ("died", 1), ("open", 1)] {
                assert_eq!(svg.matches(&format!("data-value={outcome}>")).count(), count, "{svg}");
            }
            assert!(!svg.contains("style="), "the page forbids inline styles");
        }
    }

    #[test]
    fn another_address_has_another_shape() {
        let svg = drawn(900.0);
        assert_eq!(svg.matches("<circle").count(), 3, "the tunnel without another address");
        assert_eq!(svg.matches("Z\"/>").count(), 2, "the one with it");
        assert!(
            svg.contains(
                "tunnel 2, 8.0\u{a0}s, another address at its end: died; by resume, first data 1.20"
            ),
            "{svg}"
        );
    }

    #[test]
    fn any_length_lies_within_the_chart() {
        let mut survival = Survival::default();
        survival.take(&samples::tunnelled());
        let mut rows = survival.rows();
        for (row, length_micros) in rows.iter_mut().zip([100_000, 60_000_000, 300_000_000]) {
            row.iter_mut().for_each(|passage| passage.length_micros = length_micros);
        }
        let svg = svg(&rows, 400.0);
        for part in svg.split("cx=").skip(1) {
            let x: f64 = part.split(' ').next().and_then(|text| text.parse().ok()).expect("a number");
            assert!((0.0..=400.0).contains(&x), "{x}");
        }
    }
}
