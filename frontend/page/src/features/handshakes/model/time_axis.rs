//! Time axis of a ladder picture.

use sluice_text::decimal::parsed;

/// Breakpoints of a picture's time axis from top to bottom: height and µs. Time is linear between two of
/// them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeAxis(Vec<(f64, f64)>);

impl TimeAxis {
    /// Parses pairs of `µs:height`. A malformed pair makes the axis empty, since a partial axis would map
    /// heights to wrong times.
    pub fn parse(text: &str) -> Self {
        let bend = |pair: &str| {
            let (micros, height) = pair.split_once(':')?;
            Some((parsed(height)?, parsed(micros)?))
        };
        Self(text.split_ascii_whitespace().map(bend).collect::<Option<_>>().unwrap_or_default())
    }

    /// Returns the time at a height, µs; `None` outside the axis.
    pub fn micros_from_height(&self, height: f64) -> Option<f64> {
        let below = self.0.iter().position(|(bend, _)| *bend >= height)?;
        let (to, later) = self.0[below];
        let Some((from, earlier)) = below.checked_sub(1).map(|above| self.0[above]) else {
            return (to == height).then_some(later);
        };
        let share = (height - from) / (to - from);
        Some(earlier + (later - earlier) * share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_evenly_between_two_bends() {
        let axis = TimeAxis::parse("0:64.0 0:92.5 50000:152.5");
        assert_eq!(axis.micros_from_height(64.0), Some(0.0));
        assert_eq!(axis.micros_from_height(80.0), Some(0.0), "many things happen at once");
        assert_eq!(axis.micros_from_height(122.5), Some(25_000.0));
        assert_eq!(axis.micros_from_height(152.5), Some(50_000.0));
        assert_eq!((axis.micros_from_height(10.0), axis.micros_from_height(153.0)), (None, None));
    }

    #[test]
    fn a_malformed_axis_gives_no_times() {
        for text in ["", "0:64.0 nonsense 50000:152.5"] {
            assert_eq!(TimeAxis::parse(text).micros_from_height(100.0), None, "{text}");
        }
    }
}
