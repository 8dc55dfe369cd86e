//! Sentences made of words, measured numbers and lane names.
//! Built by the findings, rendered piece by piece on the page.

use super::snapshot::Change;
use sluice_text::format;

/// Piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Plain words.
    Text(String),
    /// A measured number.
    Number(String),
    /// The lane at this position from the top.
    Lane(usize),
}

/// Separator of a number and its unit, at which no line breaks.
const NBSP: char = '\u{a0}';

/// Builder of a sentence.
#[derive(Debug, Default)]
pub(super) struct Sentence {
    pieces: Vec<Piece>,
}

impl Sentence {
    pub(super) fn text(&mut self, words: &str) -> &mut Self {
        match self.pieces.last_mut() {
            Some(Piece::Text(before)) => before.push_str(words),
            Some(Piece::Number(_) | Piece::Lane(_)) | None => self.pieces.push(Piece::Text(words.to_owned())),
        }
        self
    }

    pub(super) fn lane(&mut self, position: usize) -> &mut Self {
        self.pieces.push(Piece::Lane(position));
        self
    }

    /// Appends lanes as in "A, B and C".
    pub(super) fn lanes(&mut self, positions: &[usize]) -> &mut Self {
        for (index, position) in positions.iter().enumerate() {
            if index > 0 {
                self.text(if index + 1 == positions.len() { " and " } else { ", " });
            }
            self.lane(*position);
        }
        self
    }

    pub(super) fn count(&mut self, number: u64) -> &mut Self {
        self.number(format::count(number))
    }

    /// Appends a count with its noun, as in "1 message" or "12 messages".
    pub(super) fn counted(&mut self, number: u64, noun: &str) -> &mut Self {
        self.count(number).text(" ").text(noun).text(if number == 1 { "" } else { "s" })
    }

    pub(super) fn span(&mut self, micros: u64) -> &mut Self {
        self.number(format::span(micros))
    }

    /// Appends the range of several spans, or one span if all read the same.
    pub(super) fn spans(&mut self, micros: impl Iterator<Item = u64> + Clone) -> &mut Self {
        let (Some(least), Some(most)) = (micros.clone().min(), micros.max()) else { return self };
        self.span(least);
        if format::span(least) != format::span(most) {
            self.text(" to ").span(most);
        }
        self
    }

    /// Appends the age of a state in whole seconds or minutes.
    pub(super) fn elapsed(&mut self, micros: u64) -> &mut Self {
        self.number(elapsed(micros))
    }

    pub(super) fn percent(&mut self, share: f64) -> &mut Self {
        self.number(format::percent(share))
    }

    pub(super) fn rate(&mut self, per_second: u64) -> &mut Self {
        self.number(format::per_second(per_second))
    }

    /// Appends the period and returns the pieces.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        self.text(".");
        core::mem::take(&mut self.pieces)
    }

    fn number(&mut self, number: String) -> &mut Self {
        self.pieces.push(Piece::Number(number));
        self
    }
}

/// Returns an age in whole seconds or minutes; below a second as any span.
pub(super) fn elapsed(micros: u64) -> String {
    let seconds = micros / 1_000_000;
    match seconds {
        0 => format::span(micros),
        1..120 => format!("{seconds}{NBSP}s"),
        _ => format!("{}{NBSP}min", format::count(seconds / 60)),
    }
}

/// Returns the noun phrase of a change.
pub(super) const fn change_phrase(change: Change) -> &'static str {
    match change {
        Change::Start => "the start",
        Change::Network => "the change of network",
        Change::Consumer => "the change of consumer",
        Change::Policy => "the change of policy",
        Change::Feed => "the change of feed",
        Change::Lanes => "the change of lanes",
    }
}

/// Returns the verb form for one lane or for several.
pub(super) const fn by_number(lanes: &[usize], one: &'static str, several: &'static str) -> &'static str {
    if lanes.len() == 1 { one } else { several }
}
