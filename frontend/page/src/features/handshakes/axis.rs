//! Which time a height in the picture has.

use sluice_text::decimal::parsed;

/// The bends of the picture's axis, from above: height and µs. Between two of them time passes evenly.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Axis(Vec<(f64, f64)>);

impl Axis {
    /// Reads `µs:height` pairs; what is none is left out.
    pub(crate) fn read(text: &str) -> Self {
        let bend = |pair: &str| {
            let (micros, height) = pair.split_once(':')?;
            Some((parsed(height)?, parsed(micros)?))
        };
        Self(text.split_ascii_whitespace().filter_map(bend).collect())
    }

    /// The time of a height, µs; `None` above the beginning and below the end.
    pub(crate) fn micros(&self, height: f64) -> Option<f64> {
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
        let axis = Axis::read("0:64.0 0:92.5 50000:152.5 nonsense");
        assert_eq!(axis.micros(64.0), Some(0.0));
        assert_eq!(axis.micros(80.0), Some(0.0), "many things happen at once");
        assert_eq!(axis.micros(122.5), Some(25_000.0));
        assert_eq!(axis.micros(152.5), Some(50_000.0));
        assert_eq!((axis.micros(10.0), axis.micros(153.0)), (None, None));
        assert_eq!(Axis::read("").micros(1.0), None);
    }
}
