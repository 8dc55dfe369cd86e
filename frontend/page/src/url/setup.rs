//! What somebody has set up: lanes, their consumers, and the feed.

use sluice_shared::mode::Mode;
use sluice_shared::session::Heartbeat;

use crate::features::network::model::NetworkSetup;
pub use sluice_bridge::{CONSUMER_AT_ONCE, FeedKind, FeedKinds, FeedSetup, LaneSetup, WindowChoice};

/// Everything that a link reproduces.
#[derive(Clone, Debug, PartialEq)]
pub struct PageSetup {
    /// One to [`PageSetup::MAX_LANES`] lanes, from the top.
    pub lanes: Vec<LaneSetup>,
    /// What all of them subscribe to.
    pub feeds: FeedSetup,
    /// What lies between them and the server.
    pub network: NetworkSetup,
    /// How often they ask the server for a sign of life, and how long it may owe one.
    pub heartbeat: Heartbeat,
}

impl PageSetup {
    /// Most lanes side by side.
    pub const MAX_LANES: usize = 4;
}

impl Default for PageSetup {
    /// One lane of each transport, undisturbed.
    fn default() -> Self {
        Self {
            lanes: vec![LaneSetup::new(Mode::WebSocket), LaneSetup::new(Mode::StreamPerTopic)],
            feeds: FeedSetup::default(),
            network: NetworkSetup::default(),
            heartbeat: Heartbeat::default(),
        }
    }
}

/// A slider's whole-number steps for values that span decades.
#[derive(Clone, Copy, Debug)]
pub struct LogSlider {
    /// Value of step 0.
    pub min: u32,
    /// Value of the last step.
    pub max: u32,
}

impl LogSlider {
    /// The last step.
    pub const STEPS: u32 = 200;

    /// The value at a step, rounded to two significant digits.
    pub fn value_from_step(self, step: u32) -> u32 {
        let share = f64::from(step.min(Self::STEPS)) / f64::from(Self::STEPS);
        let exact = f64::from(self.min) * (f64::from(self.max) / f64::from(self.min)).powf(share);
        let unit = 10f64.powf((exact.log10().floor() - 1.0).max(0.0));
        (((exact / unit).round() * unit) as u32).clamp(self.min, self.max)
    }

    /// The step nearest to a value.
    pub fn step_from_value(self, value: u32) -> u32 {
        let value = f64::from(value.clamp(self.min, self.max));
        let share = (value / f64::from(self.min)).ln() / (f64::from(self.max) / f64::from(self.min)).ln();
        (share * f64::from(Self::STEPS)).round() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slider_reaches_both_ends_and_finds_its_way_back() {
        let slider = LogSlider { min: 1, max: 20_000 };
        assert_eq!(slider.value_from_step(0), 1);
        assert_eq!(slider.value_from_step(LogSlider::STEPS), 20_000);
        for value in [1, 10, 400, 20_000] {
            let back = slider.value_from_step(slider.step_from_value(value));
            assert!((f64::from(back) / f64::from(value) - 1.0).abs() < 0.05, "{value} came back as {back}");
        }
    }
}
