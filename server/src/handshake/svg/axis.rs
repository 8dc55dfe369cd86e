//! Time to height, the same for both sides.
//!
//! Time runs down. Where several packets leave or arrive at once the axis is stretched, so that each has its own line,
//! and where nothing happens for long it is cut. So heights are no measure of time, but what stands lower is later, to a
//! hundredth of a round trip, whichever side it is on.

use sluice_shared::handshake::{Ladder, Rung, RungKind};
use sluice_shared::link::Direction;

/// The height of a round trip in which nothing is stretched.
const ROUND_TRIP: f64 = 120.0;
/// The axis is cut where nothing happens for so many round trips.
const LONGEST_GAP: f64 = 3.0;
/// What is left of the axis where it is cut.
const CUT_GAP: f64 = 72.0;
/// From one thing with words to the next on the same line.
const WORDS_APART: f64 = 18.0;
/// From one thing without words to the next on the same line.
const TICKS_APART: f64 = 6.0;
/// The least fall of an arrow.
const LEAST_FALL: f64 = 10.0;
/// What happens within this part of a round trip counts as at once.
const AT_ONCE: u64 = 100;

/// Heights of times.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    knots: Vec<Knot>,
    /// Where the axis is cut: the height of the middle, and how long nothing happens, µs.
    pub(super) cuts: Vec<(f64, u64)>,
    /// Height of a round trip, for what has no time of its own.
    per_micro: f64,
}

/// A time in which something happens, and the room that it has.
#[derive(Clone, Copy, Debug)]
struct Knot {
    from: u64,
    to: u64,
    top: f64,
    bottom: f64,
}

/// Heights on one side.
#[derive(Clone, Debug)]
pub(super) struct Heights {
    /// Where packets leave.
    pub(super) sent: Vec<f64>,
    /// Where they arrive or are lost.
    pub(super) end: Vec<f64>,
    /// Marks.
    pub(super) marks: Vec<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    at: u64,
    /// Order of what is at the same time.
    turn: (u8, usize, u8),
    side: usize,
    is_at_client: bool,
    apart: f64,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Sent(usize),
    Arrived(usize),
    Mark(usize),
}

/// Whether a packet is drawn as a short tick: an acknowledgment alone.
pub(super) fn is_quiet(rung: &Rung) -> bool {
    rung.kind == RungKind::Transport && rung.label.starts_with("ACK") && rung.drop.is_none()
}

/// The axis of `sides` from `top` on, and where everything on it is.
pub(super) fn lay_out(sides: &[&Ladder], rtt_micros: u64, top: f64) -> (Axis, Vec<Heights>) {
    let end = sides.iter().map(|ladder| ladder.end_micros).max().unwrap_or(0);
    let unit = if rtt_micros > 0 { rtt_micros } else { (end / 4).max(1) };
    let per_micro = ROUND_TRIP / unit as f64;
    let mut axis = Axis { knots: Vec::new(), cuts: Vec::new(), per_micro };
    let mut heights: Vec<Heights> = sides
        .iter()
        .map(|ladder| Heights {
            sent: vec![top; ladder.rungs.len()],
            end: vec![top; ladder.rungs.len()],
            marks: vec![top; ladder.marks.len()],
        })
        .collect();

    let mut events: Vec<Event> =
        sides.iter().enumerate().flat_map(|(side, ladder)| events_of(side, ladder)).collect();
    events.sort_by_key(|event| (event.at, event.turn, event.side));
    // The last height on each side's client and server line, and on each side as a whole.
    let mut lines = vec![[top - WORDS_APART; 2]; sides.len()];
    let mut rest = events.as_slice();
    let mut last = Knot { from: 0, to: 0, top, bottom: top };
    while let Some(first) = rest.first() {
        let until = first.at.saturating_add(unit / AT_ONCE);
        let group = rest.iter().position(|event| event.at > until).unwrap_or(rest.len());
        let (now, later) = rest.split_at(group);
        rest = later;
        let start = axis.after(last, first.at, unit);
        let mut knot = Knot { from: first.at, to: first.at, top: start, bottom: start };
        // What arrives in the moment in which it was sent has to follow it.
        let mut chained = vec![start; sides.len()];
        for event in now {
            let line = &mut lines[event.side][usize::from(event.is_at_client)];
            let mut height = start.max(*line + event.apart);
            let heights = &mut heights[event.side];
            if event.turn.0 == 1 && sides[event.side].is_instant() {
                height = height.max(chained[event.side]);
            }
            let place = match event.what {
                What::Sent(index) => &mut heights.sent[index],
                What::Arrived(index) => {
                    height = height.max(heights.sent[index] + LEAST_FALL);
                    &mut heights.end[index]
                }
                What::Mark(index) => &mut heights.marks[index],
            };
            *place = height;
            *line = height;
            chained[event.side] = height;
            knot.to = event.at;
            knot.bottom = knot.bottom.max(height);
        }
        axis.knots.push(knot);
        last = knot;
    }
    for (ladder, heights) in sides.iter().zip(&mut heights) {
        axis.drop_lost(ladder, unit, heights);
    }
    (axis, heights)
}

impl Axis {
    /// The height of a time.
    pub(super) fn height(&self, at_micros: u64) -> f64 {
        let index = self.knots.partition_point(|knot| knot.from <= at_micros);
        let Some(before) = index.checked_sub(1).map(|index| self.knots[index]) else {
            return self.knots.first().map_or(0.0, |knot| knot.top);
        };
        if at_micros <= before.to {
            return before.top;
        }
        let passed = (at_micros - before.to) as f64;
        match self.knots.get(index) {
            Some(next) => {
                let share = passed / (next.from - before.to) as f64;
                before.bottom + (next.top - before.bottom) * share
            }
            None => before.bottom + passed * self.per_micro,
        }
    }

    /// The lowest height that anything has.
    pub(super) fn bottom(&self) -> f64 {
        self.knots.last().map_or(0.0, |knot| knot.bottom)
    }

    /// When the last thing happens, µs.
    pub(super) fn end_micros(&self) -> u64 {
        self.knots.last().map_or(0, |knot| knot.to)
    }

    /// The bends of the axis, for who wants to know which time a height has: µs and height.
    pub(super) fn bends(&self) -> impl Iterator<Item = (u64, f64)> {
        self.knots.iter().flat_map(|knot| [(knot.from, knot.top), (knot.to, knot.bottom)])
    }

    /// The height of the time `at` behind `last`, cut where nothing happens for long.
    fn after(&mut self, last: Knot, at: u64, unit: u64) -> f64 {
        let gap = at.saturating_sub(last.to);
        let height = gap as f64 * self.per_micro;
        if gap as f64 <= LONGEST_GAP * unit as f64 {
            return last.bottom + height;
        }
        self.cuts.push((last.bottom + CUT_GAP / 2.0, gap));
        last.bottom + CUT_GAP
    }

    /// Where lost packets end: half-way, as high as they would have been there.
    fn drop_lost(&self, ladder: &Ladder, unit: u64, heights: &mut Heights) {
        for (index, rung) in ladder.rungs.iter().enumerate() {
            if rung.arrived_micros.is_some() {
                continue;
            }
            let sent = heights.sent[index];
            let half_way = self.height(rung.sent_micros.saturating_add(unit / 4));
            let fall = half_way - self.height(rung.sent_micros);
            heights.end[index] = sent + fall.clamp(LEAST_FALL, ROUND_TRIP / 4.0);
        }
    }
}

/// What is asked of a ladder here.
trait Instant {
    /// Whether packets arrive in the moment in which they are sent.
    fn is_instant(&self) -> bool;
}

impl Instant for Ladder {
    fn is_instant(&self) -> bool {
        self.rungs.iter().any(|rung| rung.arrived_micros == Some(rung.sent_micros))
    }
}

/// What happens on a side: arrivals of what left before come first, then marks, then what leaves.
fn events_of(side: usize, ladder: &Ladder) -> Vec<Event> {
    let mut events = Vec::with_capacity(2 * ladder.rungs.len() + ladder.marks.len());
    for (index, rung) in ladder.rungs.iter().enumerate() {
        let apart = if is_quiet(rung) { TICKS_APART } else { WORDS_APART };
        let is_from_client = rung.direction == Direction::Up;
        let sent = Event {
            at: rung.sent_micros,
            turn: (1, index, 0),
            side,
            is_at_client: is_from_client,
            apart,
            what: What::Sent(index),
        };
        events.push(sent);
        if let Some(at) = rung.arrived_micros {
            let is_instant = at <= rung.sent_micros;
            events.push(Event {
                at: at.max(rung.sent_micros),
                turn: if is_instant { (1, index, 1) } else { (0, index, 0) },
                is_at_client: !is_from_client,
                what: What::Arrived(index),
                ..sent
            });
        }
    }
    // What a client has comes with what arrived; a server's wait, and any mark where no packet takes time, comes last.
    let is_instant = ladder.is_instant();
    events.extend(ladder.marks.iter().enumerate().map(|(index, mark)| Event {
        at: mark.at_micros,
        turn: (if mark.is_at_client && !is_instant { 0 } else { 2 }, usize::MAX, 0),
        side,
        is_at_client: mark.is_at_client,
        apart: WORDS_APART,
        what: What::Mark(index),
    }));
    events
}
