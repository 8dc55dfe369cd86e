//! The network between the lanes and the server, as somebody sets it.

use sluice_shared::lab::{Knobs, LinkChange};
use sluice_shared::link::Preset;
use sluice_shared::link::limits::{self, Limit};

use crate::labels;
use sluice_text::decimal::short;
use sluice_text::format;

/// A network as a link reproduces it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetworkSetup {
    /// The network to begin with.
    pub preset: Preset,
    /// What is different in it.
    pub change: LinkChange,
    /// Where every chance comes from.
    pub seed: u64,
}

impl NetworkSetup {
    /// A ready-made network.
    pub fn of(preset: Preset) -> Self {
        Self { preset, change: LinkChange::default(), seed: 1 }
    }

    /// Returns what marks call a change to this network from `told`.
    pub fn label(&self, last_sent: &Self) -> String {
        if self.seed != last_sent.seed && (Self { seed: last_sent.seed, ..*self }) == *last_sent {
            return format!("seed {}", self.seed);
        }
        let changed = if self.change.is_empty() { "" } else { ", changed" };
        labels::preset(self.preset).to_owned() + changed
    }

    /// The body of a request that makes a new lab's network this one.
    pub fn as_new(&self) -> String {
        request(Some(self.preset), &self.change, Some(self.seed))
    }

    /// The body of a request that makes this network of `told`; `None` when it is this one. With `restart` the preset
    /// begins anew, whatever was done to it by hand.
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

    /// The settings to show, when those in force at the server are `knobs`: its own changes may still be on their way.
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
    /// Nothing is delayed, limited or lost.
    fn default() -> Self {
        Self::of(Preset::None)
    }
}

/// A [`sluice_shared::lab::LinkRequest`] as JSON.
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

/// A setting with a slider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knob {
    /// Least time to the other end.
    Delay,
    /// Up to how much longer a packet takes.
    Jitter,
    /// The bottleneck's rate.
    Rate,
    /// The bottleneck's queue.
    Queue,
    /// Mean loss.
    Loss,
    /// Mean length of a bad spell.
    Burst,
}

impl Knob {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] = [Self::Delay, Self::Jitter, Self::Rate, Self::Queue, Self::Loss, Self::Burst];

    /// What it is called on the page.
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

    /// What it does, in a sentence.
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

    /// Its name in links and test ids.
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

    /// Its slider: the least and the greatest value beside 0.
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

    /// True if the server takes `value`: its range, and 0 where that turns something off.
    pub fn allows(self, value: f64) -> bool {
        let Limit { low, high, .. } = self.limit();
        (low..=high).contains(&value) || value == 0.0 && self != Self::Queue
    }

    /// Its value in words.
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

    /// Where it stands in `knobs`.
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

    /// What a change makes of it, if anything.
    pub fn changed(self, change: &LinkChange) -> Option<f64> {
        *self.slot(&mut change.clone())
    }

    /// Changes it.
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

/// A slider's whole-number steps for values that span decades: 0, and from step 1 on `min` to `max`.
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

    /// The value at a step, rounded to two significant digits.
    pub fn value_from_step(self, step: f64) -> f64 {
        if step < 1.0 {
            return 0.0;
        }
        let exact = self.min * (self.max / self.min).powf((step - 1.0) / (Self::STEPS - 1.0));
        let unit = 10f64.powf(exact.log10().floor() - 1.0);
        // Not by clamp, whose check of its bounds would print floats.
        ((exact / unit).round() * unit).max(self.min).min(self.max)
    }

    /// The step nearest to a value.
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
