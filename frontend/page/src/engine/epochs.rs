//! Epochs: the spans between changes of the set-up, to which all statistics belong.
//!
//! The engine begins one with each change. Epoch numbers only grow; the charts show the epochs that are kept.

use std::collections::VecDeque;
use std::time::Duration;

use sluice_shared::time::Time;

use sluice_bridge::Consumer;
use sluice_bridge::Setup;
use sluice_bridge::Window;
use sluice_text::format;

/// Span between two changes of the set-up. An outage or a change of address is an event within one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Number, from 0; some numbers may be skipped.
    pub number: u32,
    /// Beginning.
    pub began: Time,
    /// Change that began it.
    pub change: EpochChange,
    /// Short description of that change, for charts.
    pub label: String,
}

/// A change that begins an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochChange {
    /// The page was opened, or its measurements were reset.
    Start,
    /// Network settings.
    Network,
    /// Speed or kind of a consumer.
    Consumer,
    /// Policy or credit window.
    Policy,
    /// Subscription.
    Feed,
    /// Lanes were added, removed or set up differently.
    Lanes,
}

impl EpochChange {
    /// Returns the name used by tests and styles.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Network => "network",
            Self::Consumer => "consumer",
            Self::Policy => "policy",
            Self::Feed => "feed",
            Self::Lanes => "lanes",
        }
    }

    /// Returns the rank of a change among several at once: the most far-reaching one has the lowest.
    pub(crate) const fn rank(self) -> u8 {
        match self {
            Self::Start => 0,
            Self::Network => 1,
            Self::Lanes => 2,
            Self::Feed => 3,
            Self::Policy => 4,
            Self::Consumer => 5,
        }
    }
}

/// Returns the most far-reaching difference between two set-ups of a lane, with its label; `None` if
/// statistics do not depend on any difference. `last_sent` is `None` for a lane that has not run.
pub fn change_between(last_sent: Option<&Setup>, wanted: &Setup) -> Option<(EpochChange, String)> {
    let Some(last_sent) = last_sent else { return Some((EpochChange::Lanes, "lanes".to_owned())) };
    let urls = |setup: &Setup| (setup.endpoints.websocket.clone(), setup.endpoints.webtransport.clone());
    let recovery = |setup: &Setup| (setup.upkeep.recovery, setup.upkeep.falls_back);
    // Renewed certificates and a faster heartbeat do not affect what is measured.
    if (last_sent.mode, urls(last_sent), recovery(last_sent)) != (wanted.mode, urls(wanted), recovery(wanted))
    {
        return Some((EpochChange::Lanes, "lanes".to_owned()));
    }
    if (&last_sent.feeds, last_sent.fragment_bytes) != (&wanted.feeds, wanted.fragment_bytes) {
        return Some((EpochChange::Feed, "feed".to_owned()));
    }
    if last_sent.policy != wanted.policy {
        return Some((EpochChange::Policy, format!("policy {}", wanted.policy)));
    }
    if last_sent.window != wanted.window {
        return Some((EpochChange::Policy, window_label(wanted.window)));
    }
    (last_sent.consumer != wanted.consumer).then(|| (EpochChange::Consumer, consumer_label(wanted.consumer)))
}

fn window_label(window: Window) -> String {
    match window {
        Window::Fixed(amount) => format!("window {}", format::count(amount.messages)),
        Window::Auto => "window auto".to_owned(),
    }
}

fn consumer_label(consumer: Consumer) -> String {
    match consumer.delay_micros {
        0 => "consumer at once".to_owned(),
        micros => format!("consumer {}", format::delay(micros)),
    }
}

/// Current epoch, and the previous ones that are still on the charts.
#[derive(Debug)]
pub struct EpochLog {
    current: Epoch,
    /// Previous epochs, oldest first.
    earlier: VecDeque<Epoch>,
}

impl EpochLog {
    /// Maximum number of previous epochs.
    pub const MOST: usize = 64;
    /// Time after which an epoch that has ended is dropped: the span of the charts.
    pub const KEPT: Duration = Duration::from_secs(30);
    /// Time within which changes of one kind, such as those of a slider, make one entry.
    const TOGETHER: Duration = Duration::from_secs(1);

    /// Creates a log with its first epoch.
    pub fn new(now: Time) -> Self {
        let label = "page opened".to_owned();
        let current = Epoch { number: 0, began: now, change: EpochChange::Start, label };
        Self { current, earlier: VecDeque::new() }
    }

    /// Begins the next epoch and returns its number.
    pub fn begin(&mut self, change: EpochChange, label: String, now: Time) -> u32 {
        let number = self.current.number + 1;
        // A set-up arrives in parts: that of the network follows when the server has responded.
        let is_setup = self.current.change == EpochChange::Start && self.current.number > 0;
        if is_setup && now.since(self.current.began) < Self::TOGETHER {
            (self.current.number, self.current.began) = (number, now);
            return number;
        }
        let before = core::mem::replace(&mut self.current, Epoch { number, began: now, change, label });
        // The page's first epoch keeps its entry, so that charts begin with one.
        let is_continued = before.change == self.current.change
            && now.since(before.began) < Self::TOGETHER
            && !self.earlier.is_empty();
        if !is_continued {
            self.earlier.push_back(before);
        }
        let ends = |earlier: &VecDeque<Epoch>| earlier.get(1).map_or(now, |next| next.began);
        while self.earlier.len() > Self::MOST
            || !self.earlier.is_empty() && now.since(ends(&self.earlier)) > Self::KEPT
        {
            self.earlier.pop_front();
        }
        number
    }

    /// Returns the epoch that all statistics belong to.
    pub const fn current(&self) -> &Epoch {
        &self.current
    }

    /// Returns the epochs kept, oldest first, the current one last.
    pub fn iter(&self) -> impl Iterator<Item = &Epoch> {
        self.earlier.iter().chain(core::iter::once(&self.current))
    }
}

/// Current epoch, as shown by components.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpochView {
    /// Number.
    pub number: u32,
    /// Whole seconds since it began.
    pub age_secs: u64,
    /// Short description of the change that began it.
    pub label: String,
}

impl EpochView {
    /// Returns the view of an epoch at `now`.
    pub fn of(epoch: &Epoch, now: Time) -> Self {
        Self { number: epoch.number, age_secs: now.since(epoch.began).as_secs(), label: epoch.label.clone() }
    }

    /// Returns the span that all figures belong to, as text.
    pub fn note(&self) -> String {
        if self.label.is_empty() {
            return "measuring".to_owned();
        }
        let (minutes, seconds) = (self.age_secs / 60, self.age_secs % 60);
        match minutes {
            0 => format!("since {}, {seconds} s", self.label),
            _ => format!("since {}, {minutes} min {seconds} s", self.label),
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::mode::Mode;
    use sluice_shared::policy::Policy;

    use super::*;
    use crate::url::setup::{FeedSetup, LaneSetup};
    use sluice_bridge::{Endpoints, Recovery};

    fn setup() -> Setup {
        let endpoints = Endpoints {
            websocket: "ws://a/ws".into(),
            webtransport: "https://a/wt".into(),
            certificate_hashes: vec![[1; 32]],
        };
        LaneSetup::new(Mode::StreamPerTopic).for_worker(&FeedSetup::default(), &[], endpoints)
    }

    fn kind(change: impl FnOnce(&mut Setup)) -> Option<&'static str> {
        let mut wanted = setup();
        change(&mut wanted);
        change_between(Some(&setup()), &wanted).map(|(change, _)| change.name())
    }

    #[test]
    fn all_of_a_new_set_up_is_one_epoch_with_one_label() {
        let mut log = EpochLog::new(Time::ZERO);
        let at = Time::from_millis;
        log.begin(EpochChange::Start, "new set-up".into(), at(5_000));
        log.begin(EpochChange::Policy, "policy silent-drop".into(), at(5_010));
        let number = log.begin(EpochChange::Network, "Clean".into(), at(5_400));
        assert_eq!((log.current().number, log.current().label.as_str()), (number, "new set-up"));
        assert_eq!((log.current().began, log.iter().count()), (at(5_400), 2));
        log.begin(EpochChange::Network, "LTE".into(), at(7_000));
        assert_eq!((log.current().label.as_str(), log.iter().count()), ("LTE", 3));
    }

    #[test]
    fn each_setting_that_statistics_depend_on_begins_an_epoch() {
        assert_eq!(kind(|_| ()), None);
        assert_eq!(kind(|setup| setup.mode = Mode::Datagrams), Some("lanes"));
        assert_eq!(kind(|setup| setup.endpoints.websocket = "ws://b/ws".into()), Some("lanes"));
        assert_eq!(kind(|setup| setup.upkeep.recovery = Recovery::StartOver), Some("lanes"));
        assert_eq!(kind(|setup| setup.upkeep.falls_back = true), Some("lanes"));
        assert_eq!(kind(|setup| setup.feeds.push(sluice_shared::feed::FeedSpec::Host)), Some("feed"));
        assert_eq!(kind(|setup| setup.fragment_bytes = 100), Some("feed"));
        assert_eq!(kind(|setup| setup.policy = Policy::Latest), Some("policy"));
        assert_eq!(
            kind(|setup| setup.window = Window::Fixed(sluice_shared::units::Amount::new(4, 4))),
            Some("policy")
        );
        assert_eq!(kind(|setup| setup.consumer.delay_micros = 5_000), Some("consumer"));
        let (change, label) = change_between(None, &setup()).expect("a new lane is a change");
        assert_eq!((change, label.as_str()), (EpochChange::Lanes, "lanes"));
    }

    #[test]
    fn a_renewed_certificate_or_another_heartbeat_begins_none() {
        assert_eq!(kind(|setup| setup.endpoints.certificate_hashes.push([2; 32])), None);
        let longer = Duration::from_secs(9);
        assert_eq!(kind(|setup| setup.upkeep.heartbeat.timeout = longer), None);
    }

    #[test]
    fn epochs_leave_the_log_with_the_chart() {
        let mut log = EpochLog::new(Time::ZERO);
        for second in 1..=100 {
            log.begin(EpochChange::Lanes, "lanes".to_owned(), Time::from_millis(second * 2_000));
        }
        let began: Vec<_> = log.iter().map(|epoch| epoch.began.as_micros() / 1_000_000).collect();
        // The epoch that was current 30 s ago is the first one visible.
        assert_eq!(began, (168..=200).step_by(2).collect::<Vec<_>>());
        assert_eq!(log.current().number, 100);
    }

    #[test]
    fn a_slider_makes_one_entry_and_each_of_its_steps_a_number() {
        let mut log = EpochLog::new(Time::ZERO);
        for step in 0..20 {
            let number =
                log.begin(EpochChange::Network, "a".to_owned(), Time::from_millis(5_000 + step * 250));
            assert_eq!(u64::from(number), step + 1);
        }
        assert_eq!(log.iter().count(), 2);
        log.begin(EpochChange::Consumer, "c".to_owned(), Time::from_millis(9_800));
        assert_eq!(log.iter().count(), 3, "another kind of change is another mark");
    }

    #[test]
    fn figures_say_since_when_they_are() {
        let note = |age_secs| EpochView { number: 3, age_secs, label: "LTE".to_owned() }.note();
        assert_eq!(note(0).replace('\u{a0}', " "), "since LTE, 0 s");
        assert_eq!(note(12).replace('\u{a0}', " "), "since LTE, 12 s");
        assert_eq!(note(75).replace('\u{a0}', " "), "since LTE, 1 min 15 s");
        assert_eq!(EpochView::default().note(), "measuring");
    }

    #[test]
    fn the_log_is_bounded() {
        let mut log = EpochLog::new(Time::ZERO);
        for step in 0..500 {
            let change = if step % 2 == 0 { EpochChange::Feed } else { EpochChange::Policy };
            log.begin(change, String::new(), Time::from_millis(step));
        }
        assert_eq!(log.iter().count(), EpochLog::MOST + 1);
    }
}
