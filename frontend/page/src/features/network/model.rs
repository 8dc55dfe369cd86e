//! Settings of the emulated network between the lanes and the server: presets, single settings, sliders, and
//! the requests that apply them. Used by the network state, the panel and links. Plain data without signals.

use sluice_shared::lab::{Knobs, LinkChange};
use sluice_shared::link::Preset;
use sluice_shared::link::limits::{self, Limit};

use crate::labels;
use sluice_text::decimal::short;
use sluice_text::format;

/// Network settings as a link reproduces them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetworkSetup {
    /// Preset on which the settings are based.
    pub preset: Preset,
    /// Changes to the preset.
    pub change: LinkChange,
    /// Seed of all random decisions.
    pub seed: u64,
}

impl NetworkSetup {
    /// Returns the settings of a preset.
    pub fn of(preset: Preset) -> Self {
        Self { preset, change: LinkChange::default(), seed: 1 }
    }

    /// Returns the label for a change from `last_sent` to these settings.
    pub fn label(&self, last_sent: &Self) -> String {
        if self.seed != last_sent.seed && (Self { seed: last_sent.seed, ..*self }) == *last_sent {
            return format!("seed {}", self.seed);
        }
        let changed = if self.change.is_empty() { "" } else { ", changed" };
        labels::preset(self.preset).to_owned() + changed
    }

    /// Returns the request body that sets up a new lab with these settings.
    pub fn as_new(&self) -> String {
        request(Some(self.preset), &self.change, Some(self.seed))
    }

    /// Returns the request body that changes `last_sent` into these settings; `None` if they are equal. With
    /// `restart` the preset is applied from scratch, discarding changes made by hand.
    pub fn as_change_of(&self, last_sent: &Self, restart: bool) -> Option<String> {
        let seed = (self.seed != last_sent.seed).then_some(self.seed);
        let is_taken_back =
            |knob: &Knob| knob.changed(&self.change).is_none() && knob.changed(&last_sent.change).is_some();
        if restart || self.preset != last_sent.preset || Knob::ALL.iter().any(is_taken_back) {
            return Some(request(Some(self.preset), &self.change, seed));
        }
        let mut change = LinkChange::default();
        for knob in Knob::ALL {
            match knob.changed(&self.change) {
                Some(value) if knob.changed(&last_sent.change) != Some(value) => knob.set(&mut change, value),
                Some(_) | None => {}
            }
        }
        (seed.is_some() || !change.is_empty()).then(|| request(None, &change, seed))
    }

    /// Returns the settings to show, given those in force at the server: changes that are still on their way
    /// take precedence.
    pub fn shown(&self, knobs: &Knobs) -> Knobs {
        let mut shown = *knobs;
        for knob in Knob::ALL {
            if let Some(value) = knob.changed(&self.change) {
                *knob.place(&mut shown) = value;
            }
        }
        shown
    }
}

impl Default for NetworkSetup {
    /// Returns a network without delay, limits or loss.
    fn default() -> Self {
        Self::of(Preset::None)
    }
}

/// Serialises a [`sluice_shared::lab::LinkRequest`] as JSON.
fn request(preset: Option<Preset>, change: &LinkChange, seed: Option<u64>) -> String {
    let mut fields = Vec::new();
    if let Some(preset) = preset {
        fields.push(format!("\"preset\":\"{}\"", preset.name()));
    }
    let changed: Vec<String> = Knob::ALL
        .into_iter()
        .filter_map(|knob| {
            Some(format!(
                "\"{}\":{}",
                knob.limit().name.replace("burst.bad", "burst"),
                short(knob.changed(change)?)
            ))
        })
        .collect();
    if !changed.is_empty() {
        fields.push(format!("\"change\":{{{}}}", changed.join(",")));
    }
    if let Some(seed) = seed {
        fields.push(format!("\"seed\":{seed}"));
    }
    format!("{{{}}}", fields.join(","))
}

/// Network setting with a slider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knob {
    /// Minimum one-way delay.
    Delay,
    /// Maximum additional delay of a packet.
    Jitter,
    /// The bottleneck's rate.
    Rate,
    /// The bottleneck's queue.
    Queue,
    /// Mean loss rate.
    Loss,
    /// Mean length of a loss burst.
    Burst,
}

impl Knob {
    /// All settings in display order.
    pub const ALL: [Self; 6] = [Self::Delay, Self::Jitter, Self::Rate, Self::Queue, Self::Loss, Self::Burst];

    /// Returns the title shown on the page.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Delay => "Delay",
            Self::Jitter => "Jitter",
            Self::Rate => "Rate",
            Self::Queue => "Queue",
            Self::Loss => "Loss",
            Self::Burst => "Bursts",
        }
    }

    /// Returns a one-sentence explanation.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Delay => "Time that every packet takes, each way: half of the round trip",
            Self::Jitter => "Up to how much longer a packet takes; packets keep their order",
            Self::Rate => "The bottleneck's rate, each way",
            Self::Queue => "How much waits for the bottleneck before packets are dropped",
            Self::Loss => "Share of packets that are lost by chance, each way",
            Self::Burst => "Mean length of the spells in which losses come together",
        }
    }

    /// Returns the name used in links and test ids.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Delay => "net-delay",
            Self::Jitter => "net-jitter",
            Self::Rate => "net-rate",
            Self::Queue => "net-queue",
            Self::Loss => "net-loss",
            Self::Burst => "net-burst",
        }
    }

    /// Returns the slider's scale: its minimum and maximum besides 0.
    pub const fn scale(self) -> LogScale {
        match self {
            Self::Delay => LogScale { min: 1.0, max: 2_000.0 },
            Self::Jitter => LogScale { min: 0.5, max: 500.0 },
            Self::Rate => LogScale { min: 64.0, max: 1_000_000.0 },
            Self::Queue => LogScale { min: 1.0, max: 10_000.0 },
            Self::Loss => LogScale { min: 0.01, max: 50.0 },
            Self::Burst => LogScale { min: 1.0, max: 5_000.0 },
        }
    }

    /// True if the server accepts `value`: within its range, or 0 where that disables something.
    pub fn allows(self, value: f64) -> bool {
        let Limit { low, high, .. } = self.limit();
        (low..=high).contains(&value) || value == 0.0 && self != Self::Queue
    }

    /// Returns the value as text.
    pub fn text(self, knobs: &Knobs) -> String {
        let value = *self.place(&mut knobs.clone());
        match self {
            Self::Delay | Self::Jitter => format::span((value * 1e3) as u64),
            Self::Rate if value == 0.0 => "unlimited".to_owned(),
            Self::Rate => format::bits((value * 1e3) as u64),
            Self::Queue if knobs.rate_kbit == 0.0 => "–".to_owned(),
            Self::Queue => format::span((value * 1e3) as u64),
            Self::Loss => short(value) + "\u{a0}%",
            Self::Burst if value == 0.0 => "none".to_owned(),
            Self::Burst => format::span((value * 1e3) as u64),
        }
    }

    /// Returns a mutable reference to the setting in `knobs`.
    pub fn place(self, knobs: &mut Knobs) -> &mut f64 {
        match self {
            Self::Delay => &mut knobs.delay_ms,
            Self::Jitter => &mut knobs.jitter_ms,
            Self::Rate => &mut knobs.rate_kbit,
            Self::Queue => &mut knobs.queue_ms,
            Self::Loss => &mut knobs.loss_percent,
            Self::Burst => &mut knobs.burst_ms,
        }
    }

    /// Returns the setting's value in a change, if it is changed.
    pub fn changed(self, change: &LinkChange) -> Option<f64> {
        *self.slot(&mut change.clone())
    }

    /// Sets the value in a change.
    pub fn set(self, change: &mut LinkChange, value: f64) {
        *self.slot(change) = Some(value);
    }

    fn slot(self, change: &mut LinkChange) -> &mut Option<f64> {
        match self {
            Self::Delay => &mut change.delay_ms,
            Self::Jitter => &mut change.jitter_ms,
            Self::Rate => &mut change.rate_kbit,
            Self::Queue => &mut change.queue_ms,
            Self::Loss => &mut change.loss_percent,
            Self::Burst => &mut change.burst_ms,
        }
    }

    const fn limit(self) -> Limit {
        match self {
            Self::Delay => limits::DELAY,
            Self::Jitter => limits::JITTER,
            Self::Rate => limits::RATE,
            Self::Queue => limits::QUEUE_TIME,
            Self::Loss => limits::LOSS,
            Self::Burst => limits::BURST_BAD,
        }
    }
}

/// Slider scale in whole-number steps for values that span decades: step 0 is 0, and steps from 1 on run from
/// `min` to `max`.
#[derive(Clone, Copy, Debug)]
pub struct LogScale {
    /// Value of step 1.
    pub min: f64,
    /// Value of the last step.
    pub max: f64,
}

impl LogScale {
    /// The last step.
    pub const STEPS: f64 = 160.0;

    /// Returns the value at a step, rounded to two significant digits.
    pub fn value_from_step(self, step: f64) -> f64 {
        if step < 1.0 {
            return 0.0;
        }
        let exact = self.min * (self.max / self.min).powf((step - 1.0) / (Self::STEPS - 1.0));
        let unit = 10f64.powf(exact.log10().floor() - 1.0);
        // Not by `clamp`: its bounds check would pull in float formatting.
        ((exact / unit).round() * unit).max(self.min).min(self.max)
    }

    /// Returns the step nearest to a value.
    pub fn step_from_value(self, value: f64) -> f64 {
        if value <= 0.0 {
            return 0.0;
        }
        let share = (value / self.min).ln() / (self.max / self.min).ln();
        (1.0 + share * (Self::STEPS - 1.0)).round().clamp(1.0, Self::STEPS)
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::LinkRequest;

    use super::*;

    fn read(text: &str) -> LinkRequest {
        serde_json::from_str(text).expect("the server understands it")
    }

    fn loss(percent: f64) -> LinkChange {
        LinkChange { loss_percent: Some(percent), ..LinkChange::default() }
    }

    #[test]
    fn a_change_is_called_after_what_it_leads_to() {
        let lossy = NetworkSetup::of(Preset::Lossy2);
        assert_eq!(lossy.label(&NetworkSetup::default()), labels::preset(Preset::Lossy2));
        let reseeded = NetworkSetup { seed: 7, ..lossy };
        assert_eq!(reseeded.label(&lossy), "seed 7");
        let mut slower = reseeded;
        Knob::Delay.set(&mut slower.change, 40.0);
        assert_eq!(slower.label(&lossy), labels::preset(Preset::Lossy2).to_owned() + ", changed");
    }

    #[test]
    fn a_new_lab_is_asked_for_in_the_words_of_the_server() {
        let mut setup = NetworkSetup::of(Preset::Lte);
        for (at, knob) in Knob::ALL.into_iter().enumerate() {
            knob.set(&mut setup.change, at as f64 + 1.5);
        }
        setup.seed = u64::MAX;
        let asked = read(&setup.as_new());
        let expected = LinkRequest {
            preset: Some("lte".into()),
            profile: None,
            change: setup.change,
            seed: Some(u64::MAX),
        };
        assert_eq!(asked, expected);
    }

    #[test]
    fn one_slider_sends_one_setting() {
        let last_sent = NetworkSetup::of(Preset::Lte);
        let wanted = NetworkSetup { change: loss(2.0), ..last_sent };
        let asked = wanted.as_change_of(&last_sent, false).expect("something differs");
        assert_eq!(read(&asked), LinkRequest { change: loss(2.0), ..LinkRequest::default() });
        assert_eq!(wanted.as_change_of(&wanted, false), None);
    }

    #[test]
    fn what_is_taken_back_starts_from_the_preset_again() {
        let wanted = NetworkSetup::of(Preset::Lte);
        let last_sent = NetworkSetup { change: loss(2.0), ..wanted };
        let preset = LinkRequest { preset: Some("lte".into()), ..LinkRequest::default() };
        assert_eq!(read(&wanted.as_change_of(&last_sent, false).expect("something differs")), preset);
        assert_eq!(read(&wanted.as_change_of(&wanted, true).expect("asked for anew")), preset);
    }

    #[test]
    fn a_new_seed_goes_alone() {
        let last_sent = NetworkSetup { change: loss(2.0), ..NetworkSetup::default() };
        let wanted = NetworkSetup { seed: 9, ..last_sent };
        let asked = wanted.as_change_of(&last_sent, false).expect("something differs");
        assert_eq!(read(&asked), LinkRequest { seed: Some(9), ..LinkRequest::default() });
    }

    #[test]
    fn a_slider_reaches_both_ends_and_finds_its_way_back() {
        for knob in Knob::ALL {
            let scale = knob.scale();
            assert_eq!(scale.value_from_step(0.0), 0.0);
            assert_eq!(scale.value_from_step(1.0), scale.min);
            assert_eq!(scale.value_from_step(LogScale::STEPS), scale.max);
            for step in 0..=160 {
                let value = scale.value_from_step(f64::from(step));
                assert!(knob.allows(value) || knob == Knob::Queue && step == 0, "{knob:?} {value}");
                let back = scale.value_from_step(scale.step_from_value(value));
                assert!((back - value).abs() <= 0.06 * value, "{knob:?}: {value} came back as {back}");
            }
        }
    }

    #[test]
    fn values_that_the_server_refuses_are_known() {
        assert!(Knob::Delay.allows(60_000.0) && !Knob::Delay.allows(60_001.0));
        assert!(Knob::Rate.allows(0.0) && !Knob::Rate.allows(0.5));
        assert!(!Knob::Queue.allows(0.0) && !Knob::Loss.allows(101.0));
        assert!(!Knob::Loss.allows(-1.0) && !Knob::Loss.allows(f64::NAN));
    }

    #[test]
    fn a_setting_is_shown_as_it_was_put_before_the_server_has_answered() {
        let setup = NetworkSetup { change: loss(2.0), ..NetworkSetup::default() };
        let shown = setup.shown(&Knobs { delay_ms: 25.0, ..Knobs::default() });
        assert_eq!((shown.delay_ms, shown.loss_percent), (25.0, 2.0));
    }
}
