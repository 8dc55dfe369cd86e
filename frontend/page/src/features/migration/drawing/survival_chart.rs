//! Chart of the connections' survival in outages: a row for each kind of lane, the length of the outage from
//! left to right. Called by the survival card; pure geometry without elements.

use sluice_text::decimal::fixed;
use sluice_text::format;
use sluice_text::format::exact_span;

use crate::features::migration::drawing::shape::{Drawing, Mark, Pen};
use crate::features::migration::model::survival::{Outcome, Passage};

/// Height of the axis, and of a row.
const TOP: f64 = 38.0;
const ROW: f64 = 46.0;
/// Minimum width for row names beside the rows, CSS pixels; below it they are above the rows.
const ROOMY: f64 = 640.0;
const NAMES: f64 = 208.0;
const NAME: f64 = 14.0;
const MARGIN: f64 = 16.0;
/// Idle time after which Chromium closes a QUIC connection, s: minimum and maximum of the measurements.
const GIVES_UP: (f64, f64) = (6.4, 7.8);
/// Minimum extent of the axis, s.
const LEAST: (f64, f64) = (2.4, 10.6);
/// Radius of a mark, and the distance between marks of the same length.
const RADIUS: f64 = 5.0;
const APART: f64 = 13.0;
/// Maximum width of a letter.
const LETTER: f64 = 7.0;

/// Returns the chart, `width` CSS pixels wide, with the passages of each row.
pub(crate) fn drawing(rows: &[Vec<Passage>], width: f64) -> Drawing {
    let (left, row) = if width < ROOMY { (MARGIN, ROW + NAME) } else { (NAMES, ROW) };
    let lengths = || rows.iter().flatten().map(|passage| passage.length_micros as f64 / 1e6);
    let from = lengths().fold(LEAST.0, |least, length| least.min(length - 0.6)).max(0.0);
    let to = lengths().fold(LEAST.1, |most, length| most.max(length + 0.6));
    let bottom = TOP + row * rows.len() as f64;
    let axis = (from, to, left, (width - left - MARGIN).max(100.0));
    let mut chart = Chart { axis, pen: Pen::default() };
    chart.grid(bottom);
    for (at, passages) in rows.iter().enumerate() {
        let top = TOP + row * at as f64;
        chart.row(passages, top, top + row);
    }
    Drawing {
        class: "survival",
        label: "Survival of connections by the tunnels' length; a list and a table follow",
        width,
        height: bottom,
        shapes: chart.pen.finish(),
    }
}

struct Chart {
    /// Start and end, s; left edge and width, px.
    axis: (f64, f64, f64, f64),
    pen: Pen,
}

impl Chart {
    fn x(&self, seconds: f64) -> f64 {
        let (from, to, left, width) = self.axis;
        left + width * (seconds - from) / (to - from)
    }

    fn grid(&mut self, bottom: f64) {
        let (from, to, _, width) = self.axis;
        let (first, last) = (self.x(GIVES_UP.0), self.x(GIVES_UP.1));
        self.pen.rect("band", (first, 18.0), (last - first, bottom - 18.0));
        self.pen.text("band", (first + last) / 2.0, 30.0, "Chromium gives up");
        let every = if width / (to - from) < 34.0 { 2.0 } else { 1.0 };
        let ticks = (0..).map(|n| f64::from(n) * every).take_while(|at| *at <= to);
        for at in ticks.filter(|at| *at >= from) {
            let x = self.x(at);
            self.pen.line("tick", &[(x, 18.0), (x, bottom)]);
            self.pen.text("tick", x, 12.0, fixed(at, 0) + "\u{a0}s");
        }
    }

    fn row(&mut self, passages: &[Passage], top: f64, bottom: f64) {
        let Some(kind) = passages.first().map(|passage| passage.kind) else { return };
        let line = bottom - 20.0;
        self.pen.begin("way ".to_owned() + kind.transport.name());
        let right = self.x(self.axis.1);
        self.pen.line("row", &[(self.axis.2, line), (right, line)]);
        let (x, y) = if self.axis.2 < NAMES { (2.0, top + NAME - 2.0) } else { (2.0, line + 4.0) };
        self.pen.text("title", x, y, kind.title());
        // Labels are above their marks, or below where they would overlap another one.
        let mut taken: Vec<(f64, f64, f64)> = Vec::new();
        for (at, passage) in passages.iter().enumerate() {
            let is_same = |other: &&Passage| tenths(other) == tenths(passage);
            let before = passages[..at].iter().filter(is_same).count() as f64;
            let after = passages[at + 1..].iter().filter(is_same).count() as f64;
            let middle = self.x(passage.length_micros as f64 / 1e6);
            self.mark(passage, (middle + APART * (before - after) / 2.0, line));
            // Only the newest passage of each length is labelled.
            let Some(micros) = passage.outcome.micros().filter(|_| after == 0.0) else { continue };
            let words = format::span(micros);
            let half = words.chars().count() as f64 * LETTER / 2.0 + 1.5;
            let (from, to) = (middle - half, middle + half);
            let is_free =
                |y: &f64| !taken.iter().any(|(at, left, right)| at == y && from < *right && *left < to);
            if let Some(y) = [line - 10.0, line + 17.0].into_iter().find(is_free) {
                taken.push((y, from, to));
                self.pen.text("ms", middle, y, words);
            }
        }
        self.pen.end("");
    }

    /// Draws a disc, or a diamond if the address changed at the end of the outage; filled if the connection
    /// survived.
    fn mark(&mut self, passage: &Passage, (x, y): (f64, f64)) {
        let value = passage.outcome.name();
        let mark = Mark { of: passage.kind.name(), number: passage.number, value };
        self.pen.begin_mark("mark ".to_owned() + value, mark);
        if passage.is_switched {
            let arm = RADIUS + 1.5;
            self.pen.area(&[(x, y - arm), (x + arm, y), (x, y + arm), (x - arm, y)]);
        } else {
            self.pen.circle((x, y), RADIUS);
        }
        self.pen.end(sentence(passage));
    }
}

/// Returns the length of an outage in tenths of a second: marks of the same length are side by side.
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
    [&*passage.kind.title(), ", tunnel ", &number, ", ", &length, "\u{a0}s", address, ": ", &outcome].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::drawing::shape::Shape;
    use crate::features::migration::model::samples;
    use crate::features::migration::model::survival::Survival;

    fn drawn(width: f64) -> Drawing {
        let mut survival = Survival::default();
        survival.take(&samples::tunnelled());
        drawing(&survival.rows(), width)
    }

    #[test]
    fn every_passage_is_a_mark_in_its_row() {
        for width in [330.0, 900.0] {
            let drawing = drawn(width);
            let marks: Vec<Mark> = drawing.groups().into_iter().filter_map(|group| group.mark).collect();
            assert_eq!((marks.len(), drawing.texts("title").len()), (5, 3));
            for (outcome, count) in [("survived", 3), ("died", 1), ("open", 1)] {
                assert_eq!(marks.iter().filter(|mark| mark.value == outcome).count(), count, "{outcome}");
            }
        }
    }

    #[test]
    fn another_address_has_another_shape() {
        let drawing = drawn(900.0);
        let leaves = drawing.leaves();
        let circles = leaves.iter().filter(|shape| matches!(shape, Shape::Circle { .. })).count();
        let diamonds =
            leaves.iter().filter(|shape| matches!(shape, Shape::Path { class: "area", .. })).count();
        assert_eq!((circles, diamonds), (3, 2));
        let died = "tunnel 2, 8.0\u{a0}s, another address at its end: died; by resume, first data 1.20";
        assert!(drawing.meanings().iter().any(|meaning| meaning.contains(died)), "{:?}", drawing.meanings());
    }

    #[test]
    fn any_length_lies_within_the_chart() {
        let mut survival = Survival::default();
        survival.take(&samples::tunnelled());
        let mut rows = survival.rows();
        for (row, length_micros) in rows.iter_mut().zip([100_000, 60_000_000, 300_000_000]) {
            row.iter_mut().for_each(|passage| passage.length_micros = length_micros);
        }
        for shape in drawing(&rows, 400.0).leaves() {
            if let Shape::Circle { x, .. } = shape {
                assert!((0.0..=400.0).contains(&x), "{x}");
            }
        }
    }
}
