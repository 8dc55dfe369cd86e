//! Time axis of the drawing of a change: maps moments to pixels. All offsets are in microseconds from the
//! change; values outside the axis are clamped to its edges.

use sluice_shared::lab::{PathChange, PathEnds, SwitchReport};
use sluice_shared::time::{Time, micros};

use crate::features::migration::model::effect::ChangeEffect;
use crate::features::migration::model::facts::gap_end;

/// Time range around a change of networks, in µs from the change, and its position in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    from_micros: f64,
    to_micros: f64,
    left: f64,
    width: f64,
}

/// Part of the time after a change that is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything that was recorded.
    #[default]
    All,
    /// The first second.
    Second,
    /// The first fifth of a second.
    Fifth,
}

impl Extent {
    /// All extents, the widest first.
    pub(crate) const ALL: [Self; 3] = [Self::All, Self::Second, Self::Fifth];

    /// Returns the name used in the panel's elements.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Second => "1s",
            Self::Fifth => "200ms",
        }
    }

    /// Returns the text of the button.
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

/// Minimum time drawn after the change, µs.
const LEAST_MICROS: f64 = 20_000.0;
/// Maximum time drawn before the change, as a share of the time after it: a long idle time of the client must
/// not push the change to the edge.
const MOST_BEFORE: f64 = 0.25;
/// Margin before the first and after the last moment, as a share of the whole.
const MARGIN: f64 = 0.03;
/// Maximum number of grid lines after the change.
const MOST_LINES: f64 = 8.0;

impl Scale {
    /// Returns an axis of `width` pixels from `left` on, with all moments of `switch` and `effects` within
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

    /// Returns the position of a moment, clamped to the axis.
    pub(crate) fn x(&self, offset_micros: f64) -> f64 {
        let share = (offset_micros - self.from_micros) / (self.to_micros - self.from_micros);
        self.left + self.width * share.clamp(0.0, 1.0)
    }

    /// True if a moment is within the axis, so that it is not drawn at the edge.
    pub(crate) fn shows(&self, offset_micros: f64) -> bool {
        (self.from_micros..=self.to_micros).contains(&offset_micros)
    }

    /// Returns round moments for the grid, µs from the change, which is one of them.
    pub(crate) fn ticks(&self) -> impl Iterator<Item = f64> {
        let step = step_micros(self.to_micros / MOST_LINES.min(self.width / 76.0).max(1.0));
        let (from, to) = (self.from_micros, self.to_micros);
        let first = (from / step).ceil();
        (0..).map(move |n| (first + f64::from(n)) * step).take_while(move |at| *at <= to)
    }
}

/// Returns the time from the change to `moment`, µs; negative before it.
pub(crate) fn offset_micros(change: Time, moment: Time) -> f64 {
    if moment < change { -(micros(change.since(moment)) as f64) } else { micros(moment.since(change)) as f64 }
}

/// Returns the next larger of 1, 2 and 5 times a power of ten.
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

/// Returns all moments drawn for a connection.
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
