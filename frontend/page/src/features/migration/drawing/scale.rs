//! Where a moment stands on the drawing's time axis.

use sluice_shared::lab::{PathChange, PathEnds, SwitchReport};
use sluice_shared::time::{Time, micros};

use crate::features::migration::model::effect::ChangeEffect;
use crate::features::migration::model::facts::gap_end;

/// The moments around a change of networks that a drawing shows, in µs from the change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    from_micros: f64,
    to_micros: f64,
    left: f64,
    width: f64,
}

/// How much of what followed is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything that was seen.
    #[default]
    All,
    /// The first second.
    Second,
    /// The first fifth of a second.
    Fifth,
}

impl Extent {
    /// All, the widest first.
    pub(crate) const ALL: [Self; 3] = [Self::All, Self::Second, Self::Fifth];

    /// The name in the panel's elements.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Second => "1s",
            Self::Fifth => "200ms",
        }
    }

    /// What its button says.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Second => "1\u{a0}s",
            Self::Fifth => "200\u{a0}ms",
        }
    }

    const fn limit_micros(self) -> f64 {
        match self {
            Self::All => f64::INFINITY,
            Self::Second => 1e6,
            Self::Fifth => 2e5,
        }
    }
}

/// The least that is drawn after the change, µs.
const LEAST_MICROS: f64 = 20_000.0;
/// The most that is drawn before the change, as a share of what is drawn after it: a client that was silent for long
/// must not push the change to the drawing's edge.
const MOST_BEFORE: f64 = 0.25;
/// What is drawn beyond the first and the last moment, as a share of the whole.
const MARGIN: f64 = 0.03;
/// The most grid lines after the change.
const MOST_LINES: f64 = 8.0;

impl Scale {
    /// An axis of `width` from `left` on, with all that was seen of `switch`, or is part of `effects`, and lies within
    /// `extent`.
    pub(crate) fn of(
        switch: &SwitchReport,
        effects: &[ChangeEffect],
        extent: Extent,
        (left, width): (f64, f64),
    ) -> Self {
        let mut first: f64 = 0.0;
        let mut last = LEAST_MICROS;
        let lane_moments = effects.iter().flat_map(ChangeEffect::moments);
        for moment in switch.paths.iter().flat_map(moments).chain(lane_moments) {
            let offset = offset_micros(switch.at, moment);
            first = first.min(offset);
            last = last.max(offset);
        }
        let last = last.min(extent.limit_micros());
        let first = first.max(-last * MOST_BEFORE);
        let margin = (last - first) * MARGIN;
        Self { from_micros: first - margin, to_micros: last + margin, left, width }
    }

    /// Where a moment stands, within the axis.
    pub(crate) fn x(&self, offset_micros: f64) -> f64 {
        let share = (offset_micros - self.from_micros) / (self.to_micros - self.from_micros);
        self.left + self.width * share.clamp(0.0, 1.0)
    }

    /// True if a moment is drawn at its own place, and not at the edge.
    pub(crate) fn shows(&self, offset_micros: f64) -> bool {
        (self.from_micros..=self.to_micros).contains(&offset_micros)
    }

    /// Round moments for the grid, µs from the change, which is one of them.
    pub(crate) fn ticks(&self) -> impl Iterator<Item = f64> {
        let step = step_micros(self.to_micros / MOST_LINES.min(self.width / 76.0).max(1.0));
        let (from, to) = (self.from_micros, self.to_micros);
        let first = (from / step).ceil();
        (0..).map(move |n| (first + f64::from(n)) * step).take_while(move |at| *at <= to)
    }
}

/// From the change to `moment`, µs; negative before it.
pub(crate) fn offset_micros(change: Time, moment: Time) -> f64 {
    if moment < change { -(micros(change.since(moment)) as f64) } else { micros(moment.since(change)) as f64 }
}

/// The next larger of 1, 2 and 5 times a power of ten.
fn step_micros(least: f64) -> f64 {
    let mut unit = 1_000.0;
    loop {
        for factor in [1.0, 2.0, 5.0] {
            if unit * factor >= least {
                return unit * factor;
            }
        }
        unit *= 10.0;
    }
}

/// All moments that are drawn of a connection.
fn moments(path: &PathChange) -> Vec<Time> {
    let both = |ends: PathEnds| [ends.sent_at, ends.arrived_at];
    let mut moments = [both(path.old_up), both(path.old_down)].concat();
    if let Some(quic) = &path.quic {
        moments.extend(both(quic.new_up));
        moments.extend(both(quic.new_down));
        moments.push(quic.lost_until);
        moments.push(gap_end(path));
        moments.extend(quic.frames.iter().flat_map(|frame| [Some(frame.sent_at), frame.arrived_at]));
    }
    if let Some(tcp) = path.tcp {
        moments.push(Some(tcp.cut_at));
        if let Some(next) = tcp.next {
            moments.extend([next.syn_at, next.established_at, next.first_byte_at]);
        }
    }
    moments.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::model::samples;

    #[test]
    fn the_axis_shows_all_that_was_seen_and_the_change_itself() {
        let switch = samples::switch();
        let scale = Scale::of(&switch, &[], Extent::All, (10.0, 500.0));
        for moment in switch.paths.iter().flat_map(moments) {
            assert!(scale.shows(offset_micros(switch.at, moment)), "{moment:?}");
        }
        assert!(scale.ticks().any(|tick| tick == 0.0));
        let ticks = scale.ticks().count();
        assert!((3..=14).contains(&ticks), "{ticks} lines");
        assert!(scale.x(-1e9) == 10.0 && scale.x(1e9) == 510.0, "nothing leaves the drawing");
    }

    #[test]
    fn a_shorter_extent_leaves_out_what_came_later() {
        let switch = samples::switch();
        let scale = Scale::of(&switch, &[], Extent::Fifth, (0.0, 100.0));
        assert!(scale.shows(190_000.0) && !scale.shows(300_000.0));
    }

    #[test]
    fn nothing_seen_yet_is_an_axis_too() {
        let switch = SwitchReport { paths: Vec::new(), ..samples::switch() };
        let scale = Scale::of(&switch, &[], Extent::All, (0.0, 100.0));
        assert!(scale.shows(0.0) && scale.ticks().count() >= 2);
    }
}
