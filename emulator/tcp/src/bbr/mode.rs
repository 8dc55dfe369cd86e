//! The four modes, their gains, and the cycle of gains that looks for more.

use sluice_shared::time::Time;

use super::bandwidth::Gain;

/// The gains of a cycle: one phase asks for more, the next makes up for it.
const CYCLE: [Gain; 8] =
    [Gain::PROBE_UP, Gain::PROBE_DOWN, Gain::ONE, Gain::ONE, Gain::ONE, Gain::ONE, Gain::ONE, Gain::ONE];
/// A cycle begins in one of so many phases by chance: in any but the one that makes up.
const RANDOM_PHASES: u32 = 7;

/// What the controller is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Doubles the rate each round trip until that brings nothing.
    Startup,
    /// Lets the queue go that this made.
    Drain,
    /// Keeps the rate, and looks for more once in a cycle.
    ProbeBandwidth,
    /// Keeps next to nothing in flight to see the path without a queue.
    ProbeRtt,
}

/// Factors of the estimated bandwidth for the pace and for the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gains {
    pub(super) pacing: Gain,
    pub(super) window: Gain,
}

impl Gains {
    pub(super) const STARTUP: Self = Self { pacing: Gain::HIGH, window: Gain::HIGH };

    /// The gains of `mode`; `is_policed` says that asking for more would only be dropped.
    pub(super) const fn of(mode: Mode, cycle: Cycle, is_policed: bool) -> Self {
        match mode {
            Mode::Startup => Self::STARTUP,
            Mode::Drain => Self { pacing: Gain::DRAIN, window: Gain::HIGH },
            Mode::ProbeBandwidth => {
                let pacing = if is_policed { Gain::ONE } else { cycle.gain() };
                Self { pacing, window: Gain::WINDOW }
            }
            Mode::ProbeRtt => Self { pacing: Gain::ONE, window: Gain::ONE },
        }
    }
}

/// Where in the cycle of gains the controller is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cycle {
    phase: usize,
    since: Time,
}

impl Cycle {
    /// A cycle that begins at `now` in a phase that `random` picks.
    pub(super) const fn begin(random: u32, now: Time) -> Self {
        let back = (random % RANDOM_PHASES) as usize;
        Self { phase: (CYCLE.len() - back) % CYCLE.len(), since: now }
    }

    /// The next phase begins at `now`.
    pub(super) const fn advance(&mut self, now: Time) {
        *self = Self { phase: (self.phase + 1) % CYCLE.len(), since: now };
    }

    const fn gain(self) -> Gain {
        CYCLE[self.phase]
    }

    pub(super) const fn since(self) -> Time {
        self.since
    }

    /// Whether the phase is the one that asks for more.
    pub(super) const fn is_probing(self) -> bool {
        self.phase == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_may_begin_in_any_phase_but_the_one_that_makes_up() {
        let phases: Vec<usize> = (0..7).map(|random| Cycle::begin(random, Time::ZERO).phase).collect();
        assert_eq!(phases, [0, 7, 6, 5, 4, 3, 2]);
    }

    #[test]
    fn a_cycle_of_gains_averages_one() {
        let mut cycle = Cycle::begin(0, Time::ZERO);
        let mut gains = Vec::new();
        for millis in 1..=8 {
            gains.push(Gains::of(Mode::ProbeBandwidth, cycle, false).pacing);
            cycle.advance(Time::from_millis(millis));
        }
        assert_eq!(gains[..3], [Gain::PROBE_UP, Gain::PROBE_DOWN, Gain::ONE]);
        assert!(cycle.is_probing() && cycle.since() == Time::from_millis(8));
        assert_eq!(Gains::of(Mode::ProbeBandwidth, cycle, true).pacing, Gain::ONE);
    }
}
