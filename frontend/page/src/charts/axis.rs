//! The time axis that all charts share.

use sluice_bridge::AgeColumn;
use sluice_shared::time::Time;

/// Pixels left of the plot, for the labels of the vertical axis.
pub(crate) const LEFT: f64 = 52.0;
/// Pixels right of the plot.
pub(crate) const RIGHT: f64 = 8.0;
/// Time span of a live chart, microseconds.
pub(crate) const SPAN_MICROS: f64 = (AgeColumn::SHOWN as u64 * AgeColumn::WIDTH_MICROS) as f64;

/// Returns the axis from [`LEFT`] to `end_px` that ends at `right`.
pub(crate) const fn time_axis(right: Time, end_px: f64) -> TimeAxis {
    TimeAxis { right, span_micros: SPAN_MICROS, left_px: LEFT, width_px: (end_px - LEFT).max(1.0) }
}

/// Time axis of a chart: its right edge and the time shown to the left of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeAxis {
    /// Time at the right edge.
    pub right: Time,
    /// Time shown, microseconds.
    pub span_micros: f64,
    /// Left edge, pixels.
    pub left_px: f64,
    /// Width, pixels.
    pub width_px: f64,
}

impl TimeAxis {
    /// Returns the pixel of a time; left of the chart for older times.
    pub fn pixel_from_time(&self, time: Time) -> f64 {
        let back = self.right.as_micros() as f64 - time.as_micros() as f64;
        if self.span_micros <= 0.0 {
            return self.left_px + self.width_px;
        }
        self.left_px + self.width_px * (1.0 - back / self.span_micros)
    }

    /// Returns the time at a pixel.
    pub fn time_from_pixel(&self, pixel: f64) -> Time {
        if self.width_px <= 0.0 {
            return self.right;
        }
        let back = (1.0 - (pixel - self.left_px) / self.width_px) * self.span_micros;
        self.right.shifted_by_micros(-(back as i64))
    }

    /// Returns the width of a duration, pixels.
    pub fn pixels_from_micros(&self, micros: f64) -> f64 {
        if self.span_micros <= 0.0 { 0.0 } else { self.width_px * micros / self.span_micros }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXIS: TimeAxis =
        TimeAxis { right: Time::from_millis(90_000), span_micros: 30e6, left_px: 44.0, width_px: 600.0 };

    #[test]
    fn a_pixel_leads_back_to_its_time() {
        for millis in [60_000, 71_234, 90_000] {
            let time = Time::from_millis(millis);
            let back = AXIS.time_from_pixel(AXIS.pixel_from_time(time));
            assert!(back.as_micros().abs_diff(time.as_micros()) <= 1, "{back:?}");
        }
        assert!((AXIS.pixel_from_time(Time::from_millis(60_000)) - 44.0).abs() < 1e-9);
        assert!((AXIS.pixels_from_micros(15e6) - 300.0).abs() < 1e-9);
    }

    #[test]
    fn an_axis_without_extent_stays_finite() {
        let axis = TimeAxis { span_micros: 0.0, width_px: 0.0, ..AXIS };
        assert!(axis.pixel_from_time(Time::ZERO).is_finite());
        assert_eq!(axis.time_from_pixel(10.0), AXIS.right);
        assert!(axis.pixels_from_micros(1.0).abs() < 1e-9);
    }
}
