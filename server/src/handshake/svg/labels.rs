//! Room for words along arrows.

use std::collections::VecDeque;

/// What a character takes at the size of labels.
pub(super) const CHARACTER: f64 = 7.0;
/// Words that are nearer than this stand on each other.
const LINE_HEIGHT: f64 = 12.5;
/// From the ends of an arrow to its words.
const MARGIN: f64 = 12.0;
/// From an arrow up to its words.
const ABOVE: f64 = 3.5;
/// Fewer characters than this say nothing.
const FEWEST: usize = 3;
/// Shares of an arrow that words may take, as they are tried.
const SHARES: [f64; 3] = [1.0, 0.6, 0.4];
/// So many words are looked back at: what is further up is out of reach.
const REACH: usize = 32;

/// An arrow or a line of words from its left end to its right end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stroke {
    pub(super) left: (f64, f64),
    pub(super) right: (f64, f64),
}

impl Stroke {
    fn width(self) -> f64 {
        self.right.0 - self.left.0
    }

    fn fall(self) -> f64 {
        self.right.1 - self.left.1
    }

    fn length(self) -> f64 {
        self.width().hypot(self.fall()).max(1.0)
    }

    /// What words of the length `taken` cover whose middle is at a share of an arrow.
    fn part(self, middle: f64, taken: f64) -> Self {
        let half = taken / 2.0 / self.length();
        let at = |share: f64| (self.left.0 + self.width() * share, self.left.1 + self.fall() * share - ABOVE);
        Self { left: at(middle - half), right: at(middle + half) }
    }
}

/// Words with their place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Label {
    /// The middle of their base line.
    pub(super) x: f64,
    /// The middle of their base line.
    pub(super) y: f64,
    /// How they are turned, degrees.
    pub(super) angle: f64,
    /// As much as there is room for.
    pub(super) text: String,
    /// Whether they stand on others wherever they are put, so that they are shown on demand alone.
    pub(super) is_crowded: bool,
}

/// What stands on a side already.
#[derive(Debug, Default)]
pub(super) struct Labels {
    taken: VecDeque<Stroke>,
}

impl Labels {
    /// Puts `text` along an arrow: near its sender, who is at the left end or not, else in the middle, else at the other
    /// end; cut if there is more room for a part of it.
    pub(super) fn along(&mut self, arrow: Stroke, is_from_left: bool, text: &str) -> Label {
        let length = arrow.length();
        let room = length - 2.0 * MARGIN;
        let cuts = SHARES.into_iter().map(|share| fitting(text, room * share));
        let places = cuts.flat_map(|text| {
            let taken = CHARACTER * text.chars().count() as f64;
            let near = (MARGIN + taken / 2.0) / length;
            let middles = if is_from_left { [near, 0.5, 1.0 - near] } else { [1.0 - near, 0.5, near] };
            middles.map(|middle| (arrow.part(middle, taken), text.clone()))
        });
        let free = places.clone().find(|(stroke, _)| self.is_free(*stroke));
        let is_crowded = free.is_none();
        let (stroke, text) = free.or_else(|| places.clone().next()).unwrap_or((arrow, String::new()));
        if !is_crowded {
            self.take(stroke);
        }
        Label {
            x: f64::midpoint(stroke.left.0, stroke.right.0),
            y: f64::midpoint(stroke.left.1, stroke.right.1),
            angle: arrow.fall().atan2(arrow.width()).to_degrees(),
            text,
            is_crowded,
        }
    }

    /// Whether words of `text` may stand level with their left end at `x`, and takes the room if so.
    pub(super) fn level(&mut self, x: f64, y: f64, text: &str) -> bool {
        let stroke = level(x, y, text);
        let is_free = self.is_free(stroke);
        if is_free {
            self.take(stroke);
        }
        is_free
    }

    /// Takes the room of words that stand level with their left end at `x`, whatever is there.
    pub(super) fn take_level(&mut self, x: f64, y: f64, text: &str) {
        self.take(level(x, y, text));
    }

    fn is_free(&self, stroke: Stroke) -> bool {
        self.taken.iter().all(|taken| distance(*taken, stroke) >= LINE_HEIGHT)
    }

    fn take(&mut self, stroke: Stroke) {
        if self.taken.len() == REACH {
            self.taken.pop_front();
        }
        self.taken.push_back(stroke);
    }
}

fn level(x: f64, y: f64, text: &str) -> Stroke {
    Stroke { left: (x, y), right: (x + CHARACTER * text.chars().count() as f64, y) }
}

/// As much of `text` as `width` has room for.
fn fitting(text: &str, width: f64) -> String {
    let room = (FEWEST..text.chars().count()).rev().find(|count| CHARACTER * *count as f64 <= width);
    if CHARACTER * text.chars().count() as f64 <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.unwrap_or(FEWEST).saturating_sub(1)).collect();
    kept.trim_end_matches([' ', '…', ',', '+']).to_owned() + "…"
}

/// How far two strokes are apart, up and down, where they are above each other; infinitely far where they are not.
fn distance(one: Stroke, other: Stroke) -> f64 {
    let (from, to) = (one.left.0.max(other.left.0), one.right.0.min(other.right.0));
    if from > to {
        return f64::INFINITY;
    }
    let apart = |x: f64| height(one, x) - height(other, x);
    let (first, last) = (apart(from), apart(to));
    if first.signum() == last.signum() { first.abs().min(last.abs()) } else { 0.0 }
}

fn height(stroke: Stroke, x: f64) -> f64 {
    let width = stroke.width();
    let share = if width > 0.0 { (x - stroke.left.0) / width } else { 0.0 };
    stroke.left.1 + stroke.fall() * share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(y: f64) -> Stroke {
        Stroke { left: (0.0, y), right: (300.0, y + 60.0) }
    }

    #[test]
    fn words_are_put_beside_those_that_are_there() {
        let mut labels = Labels::default();
        let first = labels.along(arrow(0.0), true, "ClientHello");
        assert!(first.x < 100.0, "near the sender: {first:?}");
        let second = labels.along(arrow(4.0), true, "ClientHello");
        assert!((second.x - 150.0).abs() < 0.1, "in the middle: {second:?}");
        let third = labels.along(arrow(8.0), true, "ClientHello");
        assert!(third.x > 200.0, "at the other end: {third:?}");
        assert!(labels.along(arrow(6.0), true, "ClientHello").is_crowded);
        assert!(!labels.along(arrow(20.0), true, "ClientHello").is_crowded);
    }

    #[test]
    fn words_are_cut_where_a_part_of_them_has_room() {
        let mut labels = Labels::default();
        labels.take_level(0.0, 30.0, "something in the way");
        let falling = Stroke { left: (0.0, 60.0), right: (300.0, 0.0) };
        let cut = labels.along(falling, false, "Initial and Handshake: ServerHello and more");
        assert!(!cut.is_crowded && cut.text.starts_with("Initial") && cut.text.ends_with('…'), "{cut:?}");
    }

    #[test]
    fn crossing_words_are_seen_as_such() {
        let rising = Stroke { left: (0.0, 60.0), right: (300.0, 0.0) };
        let falling = Stroke { left: (0.0, 0.0), right: (300.0, 60.0) };
        assert_eq!(distance(rising, falling), 0.0);
        let aside = Stroke { left: (301.0, 0.0), right: (302.0, 0.0) };
        assert_eq!(distance(rising, aside), f64::INFINITY);
    }

    #[test]
    fn long_words_are_cut_to_the_room() {
        assert_eq!(fitting("ClientHello", 200.0), "ClientHello");
        assert_eq!(fitting("ClientHello, server_name", 70.0), "ClientHel…");
        assert_eq!(fitting("ClientHello", -5.0), "Cl…");
    }
}
