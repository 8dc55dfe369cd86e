//! What is going to happen, and when.

use std::fmt;
use std::time::Duration;

use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::lab::LinkChange;
use sluice_shared::link::Preset;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;

use super::draw::Draw;
use crate::client::Pace;

/// Labs, each with a network of its own and a client of each mode.
pub const LABS: usize = 2;
/// Clients over all labs; the client numbered `n` is in lab `n / MODES.len()`.
pub const CLIENTS: usize = LABS * MODES.len();
/// One mode of each way of carrying messages that a native client tells apart.
pub(super) const MODES: [Mode; 5] =
    [Mode::WebSocket, Mode::OneStream, Mode::StreamPerTopic, Mode::StreamPerMessage, Mode::Datagrams];
/// The feeds that clients choose from: small and frequent, middling, and too large for a datagram.
pub(super) const FEEDS: [FeedSpec; 3] = [
    FeedSpec::Ticks(TicksSpec { rate: 200, size: 64, streams: 4, keys: 8, seed: 1 }),
    FeedSpec::Ticks(TicksSpec { rate: 60, size: 700, streams: 2, keys: 4, seed: 2 }),
    FeedSpec::Ticks(TicksSpec { rate: 20, size: 4_000, streams: 1, keys: 2, seed: 3 }),
];
/// The blackouts, seconds.
const TUNNEL_SECS: (f64, f64) = (0.2, 12.0);
/// How long the steps of a phase take.
const PHASE: Duration = Duration::from_secs(4);
/// Steps of a phase, at least and at most.
const STEPS: (u64, u64) = (8, 20);
/// What a phase takes with its checks, about.
const PHASE_WITH_CHECKS: Duration = Duration::from_secs(8);

/// Everything that is going to happen.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What it follows from.
    pub seed: u64,
    /// One after the other, each checked at its end.
    pub phases: Vec<Phase>,
}

/// What happens between two checks, in order of time.
pub type Phase = Vec<Step>;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When, from the start of the phase.
    pub at: Duration,
    /// What.
    pub deed: Deed,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// A client's connection is cut without a word.
    Cut(usize),
    /// A client leaves its connection open, says nothing more on it and opens another.
    Abandon(usize),
    /// A client consumes at another pace, or not at all.
    Pace(usize, Pace),
    /// A client stops consuming and reading, and is let be until the end of the next phase.
    Stick(usize),
    /// A client begins to prove that nothing was lost, whatever happens meanwhile.
    Certify(usize),
    /// A client asks for another policy.
    Policy(usize, Policy),
    /// A client's window is fixed at so many messages, of 8 KiB each at most.
    Window(usize, u64),
    /// A client follows those of [`FEEDS`] whose bits are set.
    Feeds(usize, u8),
    /// A client goes on in another mode, over the other transport perhaps.
    Switch(usize, Mode),
    /// Nothing passes through a lab for so many seconds.
    Tunnel(usize, f64),
    /// The clients of a lab have another address from here on.
    SwitchNetwork(usize),
    /// UDP passes through a lab no longer, or again.
    BlockUdp(usize, bool),
    /// A lab's network becomes another.
    Preset(usize, Preset),
    /// Settings of a lab's network change.
    Link(usize, LinkChange),
    /// The server ends and another begins at the same ports; it may say goodbye before.
    Restart {
        /// Whether it ends in good order.
        is_orderly: bool,
    },
}

impl Plan {
    /// The plan of `seed` for about `span`: at least one phase.
    pub fn lasting(seed: u64, span: Duration) -> Self {
        let phases = span.as_secs_f64() / PHASE_WITH_CHECKS.as_secs_f64();
        Self::new(seed, (phases.round() as usize).max(1))
    }

    /// The plan of `seed` with `phases` phases.
    pub fn new(seed: u64, phases: usize) -> Self {
        let mut draw = Draw::new(seed);
        Self { seed, phases: (0..phases).map(|_| phase(&mut draw)).collect() }
    }
}

fn phase(draw: &mut Draw) -> Phase {
    let count = STEPS.0 + draw.below(STEPS.1 - STEPS.0 + 1);
    let mut times: Vec<Duration> = (0..count).map(|_| PHASE.mul_f64(draw.share())).collect();
    times.sort_unstable();
    let mut has_restarted = false;
    let step = |at: Duration| {
        let mut deed = deed(draw);
        // A second restart would only repeat the first.
        while has_restarted && matches!(deed, Deed::Restart { .. }) {
            deed = self::deed(draw);
        }
        has_restarted |= matches!(deed, Deed::Restart { .. });
        // Milliseconds are what is printed.
        Step { at: Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0)), deed }
    };
    times.into_iter().map(step).collect()
}

fn deed(draw: &mut Draw) -> Deed {
    let client = usize::try_from(draw.below(CLIENTS as u64)).unwrap_or(0);
    let lab = usize::try_from(draw.below(LABS as u64)).unwrap_or(0);
    match draw.below(48) {
        0..8 => Deed::Cut(client),
        8..12 => Deed::Abandon(client),
        12..16 => Deed::Pace(client, pace(draw)),
        16..19 => Deed::Policy(client, policy(draw)),
        19..21 => Deed::Window(client, draw.one_of(&[1, 4, 32, 256, 2_048])),
        21..24 => Deed::Feeds(client, u8::try_from(1 + draw.below((1 << FEEDS.len()) - 1)).unwrap_or(1)),
        24..29 => Deed::Switch(client, draw.one_of(&MODES)),
        29..31 => Deed::Tunnel(lab, to_tenths(draw.scaled(TUNNEL_SECS.0, TUNNEL_SECS.1))),
        31..33 => Deed::BlockUdp(lab, draw.below(3) > 0),
        33..36 => Deed::Preset(lab, draw.one_of(&Preset::ALL)),
        36..39 => Deed::Link(lab, change(draw)),
        39..41 => Deed::SwitchNetwork(lab),
        41..43 => Deed::Stick(client),
        43..47 => Deed::Certify(client),
        _ => Deed::Restart { is_orderly: draw.below(2) == 0 },
    }
}

fn pace(draw: &mut Draw) -> Pace {
    match draw.below(3) {
        0 => Pace::Never,
        1 => Pace::AtOnce,
        _ => Pace::Delay(Duration::from_millis(1 + draw.below(50))),
    }
}

fn policy(draw: &mut Draw) -> Policy {
    let limit = u32::try_from(1 + draw.below(300)).unwrap_or(1);
    draw.one_of(&[
        Policy::Lossless,
        Policy::Lossless,
        Policy::Latest,
        Policy::DropOldest { limit },
        Policy::DropNewest { limit },
    ])
}

fn change(draw: &mut Draw) -> LinkChange {
    let mut maybe = |low, high| (draw.below(3) == 0).then(|| to_tenths(draw.scaled(low, high)));
    LinkChange {
        delay_ms: maybe(1.0, 300.0),
        jitter_ms: maybe(0.5, 50.0),
        rate_kbit: maybe(300.0, 50_000.0),
        queue_ms: maybe(10.0, 500.0),
        loss_percent: maybe(0.1, 25.0),
        burst_ms: maybe(1.0, 200.0),
    }
}

/// Rounded, so that what is printed is what happens.
fn to_tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s: {:?}", self.at.as_secs_f64(), self.deed)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, phase) in self.phases.iter().enumerate() {
            writeln!(f, "phase {}", index + 1)?;
            for step in phase {
                writeln!(f, "  {step}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_plan_and_another_seed_another() {
        assert_eq!(Plan::new(7, 20), Plan::new(7, 20));
        assert_eq!(Plan::new(7, 20).to_string(), Plan::new(7, 20).to_string());
        assert_ne!(Plan::new(7, 20), Plan::new(8, 20));
    }

    #[test]
    fn a_longer_plan_begins_with_the_shorter_one() {
        assert_eq!(Plan::new(3, 9).phases[..4], Plan::new(3, 4).phases);
    }

    #[test]
    fn everything_that_can_happen_does_and_in_order() {
        let plan = Plan::lasting(1, Duration::from_secs(600));
        let kinds: std::collections::HashSet<_> =
            plan.phases.iter().flatten().map(|step| std::mem::discriminant(&step.deed)).collect();
        assert_eq!(kinds.len(), 15, "{plan}");
        assert!(plan.phases.iter().all(|phase| phase.is_sorted_by_key(|step| step.at)));
        let restarts =
            |phase: &Phase| phase.iter().filter(|step| matches!(step.deed, Deed::Restart { .. })).count();
        assert!(plan.phases.iter().all(|phase| restarts(phase) <= 1));
    }
}
