//! Latency axis shared by all lanes.
//!
//! Charts fit an [`AgeScale`] to the largest latency that they show. The axis ends at a round number, and
//! larger latencies are drawn at its top.

/// Layout of latencies on the axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AgeAxis {
    /// Logarithmic: the line of a lane with low latency does not move when the latency of another lane grows.
    Log,
    /// Linear.
    #[default]
    Linear,
}

/// Mapping of the latencies from `bottom` to `top` to shares of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgeScale {
    axis: AgeAxis,
    bottom: f64,
    top: f64,
}

impl AgeScale {
    /// Bottom of the logarithmic axis: 0.1 ms.
    const LOG_BOTTOM: f64 = 100.0;
    /// Smallest top of the logarithmic axis: 100 ms.
    const LOG_TOP: f64 = 100_000.0;
    /// Smallest top of the linear axis: 5 ms.
    const LINEAR_TOP: f64 = 5_000.0;

    /// Returns the scale that ends at a round number and includes `max_micros`.
    pub fn fitting(axis: AgeAxis, max_micros: u64) -> Self {
        let max = max_micros as f64;
        match axis {
            AgeAxis::Log => {
                let decade = 10f64.powf((max.max(1.0)).log10().floor());
                let top = [1.0, 3.0, 10.0].map(|step| step * decade).into_iter().find(|top| *top >= max);
                Self { axis, bottom: Self::LOG_BOTTOM, top: top.unwrap_or(max).max(Self::LOG_TOP) }
            }
            AgeAxis::Linear => {
                let (step, lines) = Self::linear_step(max.max(Self::LINEAR_TOP));
                Self { axis, bottom: 0.0, top: step * lines }
            }
        }
    }

    /// Returns the share of the axis for a latency, 0 at the bottom to 1 at the top; latencies outside are
    /// clamped.
    pub fn share_from_age(&self, micros: f64) -> f64 {
        let share = match self.axis {
            AgeAxis::Log => (micros.max(1.0) / self.bottom).ln() / (self.top / self.bottom).ln(),
            AgeAxis::Linear => micros / self.top,
        };
        share.clamp(0.0, 1.0)
    }

    /// Returns the latency at a share of the axis.
    pub fn age_from_share(&self, share: f64) -> f64 {
        match self.axis {
            AgeAxis::Log => self.bottom * (self.top / self.bottom).powf(share),
            AgeAxis::Linear => self.top * share,
        }
    }

    /// Returns the latencies of the grid lines, ascending.
    pub fn lines(&self) -> Vec<f64> {
        match self.axis {
            AgeAxis::Log => {
                let mut lines = Vec::new();
                let mut line = self.bottom;
                while line <= self.top * 1.001 {
                    lines.push(line);
                    line *= 10.0;
                }
                lines
            }
            AgeAxis::Linear => {
                let (step, lines) = Self::linear_step(self.top);
                (0..=lines as u32).map(|line| f64::from(line) * step).collect()
            }
        }
    }

    /// Returns a step of 1, 2 or 5 times a power of ten, and the number of such steps, at most five, that
    /// include `max`.
    fn linear_step(max: f64) -> (f64, f64) {
        let decade = 10f64.powf(max.log10().floor() - 1.0);
        let step = [2.0, 5.0, 10.0, 20.0, 50.0]
            .map(|step| step * decade)
            .into_iter()
            .find(|step| max / step <= 4.000_001)
            .unwrap_or(max);
        (step, (max / step - 1e-6).ceil())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_leads_back_to_its_age() {
        for axis in [AgeAxis::Log, AgeAxis::Linear] {
            let scale = AgeScale::fitting(axis, 2_400_000);
            for age in [200.0, 5_000.0, 77_000.0, 2_400_000.0] {
                let back = scale.age_from_share(scale.share_from_age(age));
                assert!((back / age - 1.0).abs() < 1e-9, "{axis:?} {age} {back}");
            }
        }
    }

    #[test]
    fn an_axis_holds_its_largest_age_and_ends_at_a_line_or_a_third_of_a_decade() {
        for max in [0, 1, 99, 5_000, 5_001, 77_000, 99_999, 100_001, 2_000_000, 40_000_000] {
            let log = AgeScale::fitting(AgeAxis::Log, max);
            let linear = AgeScale::fitting(AgeAxis::Linear, max);
            for scale in [log, linear] {
                assert!(scale.top >= max as f64, "{scale:?} {max}");
                let lines = scale.lines().len();
                assert!((3..=7).contains(&lines), "{scale:?} {max}: {lines} lines");
            }
            let last = linear.lines().last().copied().expect("there are lines");
            assert!((last / linear.top - 1.0).abs() < 1e-9, "{linear:?}");
        }
    }

    #[test]
    fn a_fresh_lane_keeps_its_height_on_the_logarithmic_axis_up_to_a_tenth_of_a_second() {
        let calm = AgeScale::fitting(AgeAxis::Log, 900);
        let busy = AgeScale::fitting(AgeAxis::Log, 90_000);
        assert!((calm.share_from_age(700.0) - busy.share_from_age(700.0)).abs() < 1e-9);
    }

    #[test]
    fn ages_outside_are_held_at_the_ends() {
        let scale = AgeScale::fitting(AgeAxis::Log, 1_000);
        assert!(scale.share_from_age(0.0).abs() < 1e-9);
        assert!((scale.share_from_age(1e12) - 1.0).abs() < 1e-9);
    }
}
