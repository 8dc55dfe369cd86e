//! Replays messages as dots on the strip of pipeline stages.
//!
//! Each dot is one real message that has already been consumed. It reaches the end of the strip exactly
//! [`LAG`] after it was consumed. Going back from there, each leg takes as long as it took the message, but
//! never less than the leg's minimum time (see `LEGS`): a loopback message arrives within a millisecond,
//! which is too fast to see.

use std::collections::VecDeque;
use std::time::Duration;

use sluice_shared::mode::Mode;
use sluice_shared::time::Time;

use sluice_bridge::Dot;

/// Constant lag of the replay.
pub const LAG: Duration = Duration::from_millis(850);
/// Time a dot takes to leave the strip.
const EXIT: Duration = Duration::from_millis(120);
/// Maximum number of dots taken from one report, so that the strip shows a sample of a fast feed.
const PER_REPORT: usize = 4;
/// Maximum number of dots held.
const MAX_HELD: usize = 320;

/// Section of a message's path between two points of the strip; the unit is the width of one stage.
#[derive(Clone, Copy, Debug)]
struct Leg {
    from: f64,
    to: f64,
    shortest: Duration,
}

/// From backlog to credit gate, from the gate to the inbox, through the inbox, into the consumer.
const LEGS: [Leg; 4] = [
    Leg { from: 0.5, to: 2.5, shortest: Duration::from_millis(240) },
    Leg { from: 2.5, to: 7.2, shortest: Duration::from_millis(320) },
    Leg { from: 7.2, to: 7.8, shortest: Duration::from_millis(80) },
    Leg { from: 7.8, to: 8.5, shortest: Duration::from_millis(120) },
];
const EXIT_TO: f64 = 9.0;

/// Position of a dot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DotPlace {
    /// Position along the strip, in stage widths from its left end.
    pub along: f64,
    /// Age of the message at that point, microseconds.
    pub age_micros: u64,
}

/// Returns the position of `dot` at `now`; `None` before it starts and after it has left.
pub fn place(dot: &Dot, now: Time) -> Option<DotPlace> {
    let steps = [dot.produced_at, dot.sent_at, dot.received_at, dot.taken_at, dot.consumed_at];
    let mut shown_end = dot.consumed_at + LAG;
    if now >= shown_end {
        let share = now.since(shown_end).as_secs_f64() / EXIT.as_secs_f64();
        let age_micros = micros_between(dot.produced_at, dot.consumed_at);
        return (share < 1.0).then(|| DotPlace { along: mix(LEGS[3].to, EXIT_TO, share), age_micros });
    }
    for (index, leg) in LEGS.iter().enumerate().rev() {
        let (began, ended) = (steps[index], steps[index + 1]);
        let shown = ended.since(began).max(leg.shortest);
        let shown_start = shown_end - shown;
        if now >= shown_start {
            let share = now.since(shown_start).as_secs_f64() / shown.as_secs_f64();
            let real = began.since(dot.produced_at).as_secs_f64()
                + ended.since(began).as_secs_f64() * share.clamp(0.0, 1.0);
            return Some(DotPlace { along: mix(leg.from, leg.to, share), age_micros: (real * 1e6) as u64 });
        }
        shown_end = shown_start;
    }
    None
}

/// Returns a dot's vertical track, from -1 (top) to 1 (bottom): ordered delivery runs in one line, topics
/// with their own order run side by side, and unordered delivery is spread out.
pub fn track(mode: Mode, stream: u32, seq: u64) -> f64 {
    const TRACKS: u64 = 8;
    let spread = |number: u64| (number % TRACKS) as f64 / (TRACKS - 1) as f64 * 2.0 - 1.0;
    match mode {
        Mode::WebSocket | Mode::WebSocketStream | Mode::OneStream => 0.0,
        Mode::StreamPerTopic => spread(u64::from(stream)),
        Mode::StreamPerMessage | Mode::Datagrams => {
            // An odd multiplier scatters neighbours; the high bits are mixed best.
            spread((seq ^ (u64::from(stream) << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40)
        }
    }
}

/// Dots of one lane.
#[derive(Debug, Default)]
pub struct DotTrack {
    dots: VecDeque<Dot>,
}

impl DotTrack {
    /// Adds an even sample of a report's dots.
    pub fn push(&mut self, reported: &[Dot]) {
        let stride = reported.len().div_ceil(PER_REPORT).max(1);
        self.dots.extend(reported.iter().step_by(stride));
        while self.dots.len() > MAX_HELD {
            self.dots.pop_front();
        }
    }

    /// Removes dots that have left the strip.
    pub fn prune(&mut self, now: Time) {
        self.dots.retain(|dot| dot.consumed_at + LAG + EXIT > now);
    }

    /// Returns the dots, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Dot> {
        self.dots.iter()
    }

    /// Removes all dots.
    pub fn clear(&mut self) {
        self.dots.clear();
    }
}

fn mix(from: f64, to: f64, share: f64) -> f64 {
    from + (to - from) * share
}

fn micros_between(from: Time, to: Time) -> u64 {
    sluice_shared::time::micros(to.since(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(produced: u64, sent: u64, received: u64, taken: u64, consumed: u64) -> Dot {
        let at = Time::from_millis;
        Dot {
            stream: 1,
            seq: 2,
            produced_at: at(produced),
            sent_at: at(sent),
            received_at: at(received),
            taken_at: at(taken),
            consumed_at: at(consumed),
        }
    }

    #[test]
    fn a_dot_reaches_the_consumer_one_lag_after_it_was_consumed() {
        let dot = dot(5_000, 5_001, 5_002, 5_003, 5_004);
        let end = place(&dot, dot.consumed_at + LAG).expect("it is on the strip");
        assert!((end.along - 8.5).abs() < 1e-9);
        assert_eq!(end.age_micros, 4_000);
        assert_eq!(place(&dot, dot.consumed_at + LAG + EXIT), None);
    }

    #[test]
    fn a_dot_never_runs_backwards() {
        for dot in [dot(5_000, 5_001, 5_002, 5_003, 5_004), dot(1_000, 3_000, 3_010, 4_000, 4_050)] {
            let mut last = 0.0;
            for step in 0..6_000 {
                if let Some(place) = place(&dot, Time::from_millis(step)) {
                    assert!(place.along >= last, "at {step} ms");
                    last = place.along;
                }
            }
            assert!(last > 8.9);
        }
    }

    #[test]
    fn a_long_wait_is_shown_at_its_real_length() {
        let dot = dot(1_000, 1_001, 1_002, 4_000, 4_001);
        // Halfway through the three seconds in the inbox, shifted by the lag and the consumer's shortest leg.
        let shown = Time::from_millis(2_501) + LAG - LEGS[3].shortest;
        let place = place(&dot, shown).expect("it is on the strip");
        assert!((place.along - 7.5).abs() < 0.01, "{place:?}");
    }

    #[test]
    fn ordered_modes_run_in_one_line_and_topics_side_by_side() {
        assert!((track(Mode::WebSocket, 3, 9) - track(Mode::WebSocket, 4, 10)).abs() < 1e-9);
        assert!((track(Mode::StreamPerTopic, 3, 9) - track(Mode::StreamPerTopic, 4, 9)).abs() > 0.1);
        assert!(track(Mode::Datagrams, 3, 9).abs() <= 1.0);
    }

    #[test]
    fn a_fast_feed_is_sampled() {
        let mut track = DotTrack::default();
        track.push(&[dot(1, 2, 3, 4, 5); 64]);
        assert_eq!(track.iter().count(), PER_REPORT);
        track.prune(Time::from_millis(10_000));
        assert_eq!(track.iter().count(), 0);
    }
}
