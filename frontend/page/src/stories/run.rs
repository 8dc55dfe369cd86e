//! A run of an experiment: announcement, events, observation, end. Time is an argument.
//!
//! Drive it so: [`Run::start`], then [`Run::poll_actions`] whenever [`Run::poll_timeout`] is due, and [`Run::observe`]
//! with each snapshot of the page until [`Run::outcome`] is there.

use core::time::Duration;

use sluice_bridge::{OutageInput, ViewAction, ViewInput};
use sluice_shared::time::{Time, micros};

use crate::stories::figures::{Disturbance, Figures, LaneRecord, lane_figures};
use crate::stories::metric::Metric;
use crate::stories::script::{Abilities, EndCondition, Experiment, is_ready};
use crate::stories::text::LaneText;

/// A run of an experiment with the lanes.
#[derive(Clone, Debug)]
pub struct Run {
    experiment: Experiment,
    lanes: &'static [LaneText],
    abilities: Abilities,
    started_at: Time,
    /// Time at which the set-up was sent.
    set_up_at: Option<Time>,
    /// Time of the first event: the announcement is over, and the lanes of a new set-up have data.
    began: Option<Time>,
    /// Events that were sent.
    sent: usize,
    records: Vec<LaneRecord>,
    outage: Option<OutageInput>,
    figures: Figures,
    outcome: Option<RunOutcome>,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// It shows what it has to.
    Shown,
    /// It does not; the reason in a sentence.
    NotShown(String),
}

/// Progress of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunProgress {
    /// The lanes of the new set-up connect.
    Preparing,
    /// Seconds until the first event.
    Announced(u64),
    /// Under way; seconds so far.
    Running(u64),
    /// Over.
    Ended(RunOutcome),
}

impl Run {
    /// Longest time in which the lanes of a new set-up have to deliver data.
    const PREPARATION: Duration = Duration::from_secs(15);
    /// From this load of all cores on, the machine is the reason for what a run does not show.
    const HIGH_CPU: f32 = 0.85;

    /// The reason why a browser without backpressure on WebSockets shows nothing.
    const READS_ON: &str = "This browser reads on however slow the page is, and keeps the messages in its own memory: TCP's \
                            window stays open. Chromium stops reading, and shows this step.";

    /// Time that the network has to take the events before the set-up.
    const NETWORK_CHANGE: Duration = Duration::from_millis(700);

    /// Starts a run. Returns it with the actions that prepare the network.
    pub fn start(
        experiment: Experiment,
        lanes: &'static [LaneText],
        abilities: Abilities,
        now: Time,
    ) -> (Self, Vec<ViewAction>) {
        let before = experiment.before.iter().map(|action| ViewAction::Happen(*action)).collect();
        let run = Self {
            experiment,
            lanes,
            abilities,
            started_at: now,
            set_up_at: None,
            began: None,
            sent: 0,
            records: Vec::new(),
            outage: None,
            figures: Figures::default(),
            outcome: None,
        };
        (run, before)
    }

    /// Returns the figures so far.
    pub const fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Returns the outcome, once the run is over.
    pub const fn outcome(&self) -> Option<&RunOutcome> {
        self.outcome.as_ref()
    }

    /// Returns the progress at `now`.
    pub fn progress(&self, now: Time) -> RunProgress {
        if let Some(outcome) = &self.outcome {
            return RunProgress::Ended(outcome.clone());
        }
        match self.began {
            None => RunProgress::Preparing,
            Some(began) if now < began => {
                RunProgress::Announced(micros(began.since(now)).div_ceil(1_000_000))
            }
            Some(began) => RunProgress::Running(now.since(began).as_secs()),
        }
    }

    /// Returns the time of the set-up, of the next second of the announcement, or of the next event.
    pub fn poll_timeout(&self, now: Time) -> Option<Time> {
        if self.set_up_at.is_none() {
            let wait = if self.experiment.before.is_empty() { Duration::ZERO } else { Self::NETWORK_CHANGE };
            return Some(self.started_at + wait);
        }
        let began = self.began.filter(|_| self.outcome.is_none())?;
        if now < began {
            return Some(
                now + Duration::from_micros(1_000_000 - micros(began.since(now)) % 1_000_000)
                    .min(began.since(now)),
            );
        }
        let (after_millis, _) = self.experiment.events.get(self.sent)?;
        Some(began + Duration::from_millis(*after_millis))
    }

    /// Returns the actions that are due at `now`.
    pub fn poll_actions(&mut self, now: Time) -> Vec<ViewAction> {
        if self.set_up_at.is_none() {
            if self.poll_timeout(now).is_some_and(|due| now < due) {
                return Vec::new();
            }
            self.set_up_at = Some(now);
            return vec![ViewAction::Begin(Box::new((self.experiment.begin)(self.abilities)))];
        }
        let Some(began) = self.began.filter(|_| self.outcome.is_none()) else { return Vec::new() };
        let is_due = |(after_millis, _): &&(u64, _)| now >= began + Duration::from_millis(*after_millis);
        let due = self.experiment.events.iter().skip(self.sent).take_while(is_due);
        let actions: Vec<_> = due.map(|(_, action)| ViewAction::Happen(*action)).collect();
        self.sent += actions.len();
        actions
    }

    /// Takes a snapshot of the page.
    pub fn observe(&mut self, input: &ViewInput, now: Time) {
        if self.outcome.is_some() {
            return;
        }
        if self.began.is_none() {
            return self.prepare(input, now);
        }
        self.take(input);
        let Some(began) = self.began.filter(|began| now >= *began) else { return };
        let is_over = self.experiment.ends.iter().all(|end| self.holds(*end, began, now));
        let is_shown = self.experiment.claims.iter().all(|claim| self.figures.show(*claim));
        let is_impossible =
            self.experiment.needs_websocket_backpressure && !self.abilities.has_websocket_backpressure;
        if is_over && is_shown {
            self.outcome = Some(RunOutcome::Shown);
        } else if is_over && is_impossible {
            self.outcome = Some(RunOutcome::NotShown(Self::READS_ON.to_owned()));
        } else if now.since(began) >= Duration::from_secs(self.experiment.limit_secs) {
            let reason = if is_over { "This run did not show it." } else { "This run took too long." };
            self.outcome = Some(RunOutcome::NotShown(with_load(reason, input.cpu)));
        }
    }

    /// Waits until the lanes are as the experiment needs them, and counts from there.
    fn prepare(&mut self, input: &ViewInput, now: Time) {
        let is_set_up = self.set_up_at.is_some_and(|at| input.measured_since >= at);
        let mut lanes = self.lanes.iter().zip(&input.lanes);
        let are_ready = lanes.all(|(text, lane)| self.experiment.absent.contains(&text.id) || is_ready(lane))
            && input.lanes.len() == self.lanes.len();
        let is_late = now.since(self.started_at) >= Self::PREPARATION;
        if !is_set_up || !(are_ready || is_late) {
            return;
        }
        // The new set-up has begun to count by itself.
        self.records = vec![LaneRecord::default(); self.lanes.len()];
        self.began = Some(now + Duration::from_secs(self.experiment.countdown_secs));
        self.take(input);
    }

    fn take(&mut self, input: &ViewInput) {
        let Some(began) = self.began else { return };
        for (record, lane) in self.records.iter_mut().zip(&input.lanes) {
            record.take(lane, began);
        }
        self.outage = input.outages.iter().copied().find(|outage| outage.from >= began).or(self.outage);
        let disturbance = Disturbance { began, outage: self.outage };
        self.figures = lane_figures(input, self.lanes, &self.records, disturbance);
    }

    fn holds(&self, end: EndCondition, began: Time, now: Time) -> bool {
        let all_have = |metric| self.lanes.iter().all(|lane| self.figures.get(lane.id, metric).is_some());
        match end {
            EndCondition::Elapsed(secs) => {
                self.sent == self.experiment.events.len() && now.since(began) >= Duration::from_secs(secs)
            }
            EndCondition::Recovered => {
                self.outage.is_some_and(|outage| outage.until.is_some()) && all_have(Metric::FreshAfter)
            }
        }
    }
}

/// Adds what to do, and the machine's load if that may be the reason.
fn with_load(reason: &str, cpu: Option<f32>) -> String {
    let busy = cpu.filter(|cpu| *cpu >= Run::HIGH_CPU);
    let load = busy.map_or_else(String::new, |cpu| {
        let percent = sluice_text::format::percent(f64::from(cpu));
        [" This machine is too busy: its cores are at ", &percent, "."].concat()
    });
    [reason, &load, " Run it again."].concat()
}

#[cfg(test)]
mod tests {
    use sluice_bridge::{
        Connection, DeliveryGap, FeedSetup, LabAction, LabInput, LaneInput, LaneSetup, NetworkSettings,
        PageSettings, Summary, View,
    };
    use sluice_shared::mode::Mode;
    use sluice_shared::session::Heartbeat;
    use sluice_shared::units::Amount;

    use super::*;
    use crate::stories::script::Claim;

    static LANES: [LaneText; 2] = [
        LaneText { id: "failure", label: "fails", badge: None },
        LaneText { id: "fix", label: "works", badge: None },
    ];
    const ABILITIES: Abilities = Abilities { has_websocket_backpressure: true, has_webtransport: true };

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn setup(_abilities: Abilities) -> PageSettings {
        PageSettings {
            lanes: vec![LaneSetup::new(Mode::WebSocket); 2],
            feeds: FeedSetup::default(),
            network: NetworkSettings::default(),
            heartbeat: Heartbeat::default(),
        }
    }

    /// A snapshot at which both lanes have consumed a message, measured since `measured_since`.
    fn input(measured_since: u64, lost: [u64; 2]) -> ViewInput {
        let lane = |lost| LaneInput {
            id: 0,
            name: "WebSocket".to_owned(),
            colour: "--ws-0".to_owned(),
            setup: LaneSetup::new(Mode::WebSocket),
            mode_in_use: Mode::WebSocket,
            connection: Connection::Open { since: Time::ZERO, ready_after_micros: 1, mode: Mode::WebSocket },
            reported_at: None,
            summary: Summary { consumed: Amount::one(200), lost, ..Summary::default() },
            long_gaps: Vec::new(),
            timeline: Vec::new(),
            trace: Vec::new(),
            certificate: None,
            uncertified: None,
            flow: None,
            inbound: Vec::new(),
        };
        ViewInput {
            view: View::Story,
            query: String::new(),
            setup_query: String::new(),
            server: None,
            lab: LabInput::Pending,
            network: NetworkSettings::default(),
            feeds: FeedSetup::default(),
            heartbeat: Heartbeat::default(),
            fragment_bytes: 0,
            lane_setups: Vec::new(),
            lanes: lost.map(lane).to_vec(),
            marked: None,
            look_revision: 0,
            measured_since: at(measured_since),
            outages: Vec::new(),
            cpu: Some(0.5),
            log: Vec::new(),
        }
    }

    fn experiment(ends: &'static [EndCondition]) -> Experiment {
        let claims = &[Claim::AtLeast("failure", Metric::Lost, 1), Claim::AtMost("fix", Metric::Lost, 0)];
        Experiment {
            countdown_secs: 3,
            events: &[
                (0, LabAction::Tunnel { seconds: 4.0 }),
                (2_000, LabAction::BlockUdp { blocked: true }),
            ],
            ..Experiment::new(setup, ends, claims, 20)
        }
    }

    /// Sends everything that is due until `until`, and returns it with its time in milliseconds.
    fn drive(run: &mut Run, from: u64, until: u64) -> Vec<(u64, &'static str)> {
        let mut sent = Vec::new();
        for millis in from..=until {
            for action in run.poll_actions(at(millis)) {
                let name = if matches!(action, ViewAction::Begin(_)) {
                    "begin"
                } else if matches!(action, ViewAction::Happen(LabAction::Tunnel { .. })) {
                    "tunnel"
                } else {
                    "block"
                };
                sent.push((millis, name));
            }
        }
        sent
    }

    #[test]
    fn a_run_sets_up_waits_for_its_lanes_announces_and_acts() {
        let (mut run, before) =
            Run::start(experiment(&[EndCondition::Elapsed(8)]), &LANES, ABILITIES, at(1_000));
        assert_eq!((before.len(), drive(&mut run, 1_000, 1_500)), (0, vec![(1_000, "begin")]));
        run.observe(&input(500, [0, 0]), at(1_500));
        assert_eq!(
            run.progress(at(1_500)),
            RunProgress::Preparing,
            "these figures are from before the set-up"
        );
        run.observe(&input(1_200, [0, 0]), at(2_000));
        assert_eq!(run.progress(at(2_000)), RunProgress::Announced(3));
        assert_eq!(run.progress(at(4_100)), RunProgress::Announced(1));
        assert_eq!(drive(&mut run, 2_000, 9_000), [(5_000, "tunnel"), (7_000, "block")]);
        run.observe(&input(1_200, [7, 0]), at(9_000));
        assert_eq!(run.progress(at(9_000)), RunProgress::Running(4));
        run.observe(&input(1_200, [7, 0]), at(13_000));
        assert_eq!(run.outcome(), Some(&RunOutcome::Shown));
        assert_eq!(run.figures().get("failure", Metric::Lost), Some(7));
        run.observe(&input(1_200, [99, 99]), at(14_000));
        assert_eq!(run.figures().get("failure", Metric::Lost), Some(7), "what comes later is not this run's");
    }

    #[test]
    fn a_run_that_shows_nothing_says_so_and_names_the_machine_only_if_it_is_busy() {
        for (cpu, names_machine) in [(Some(0.97), true), (Some(0.4), false), (None, false)] {
            let (mut run, _) = Run::start(experiment(&[EndCondition::Elapsed(8)]), &LANES, ABILITIES, at(0));
            drive(&mut run, 0, 0);
            run.observe(&input(0, [0, 0]), at(100));
            drive(&mut run, 100, 9_000);
            let snapshot = ViewInput { cpu, ..input(0, [0, 0]) };
            run.observe(&snapshot, at(22_900));
            assert_eq!(run.outcome(), None, "there is time left");
            run.observe(&snapshot, at(23_100));
            let Some(RunOutcome::NotShown(reason)) = run.outcome() else { panic!("{:?}", run.outcome()) };
            assert!(reason.starts_with("This run did not show it."), "{reason}");
            assert_eq!(reason.contains("too busy"), names_machine, "{reason}");
        }
    }

    #[test]
    fn a_browser_that_cannot_show_it_is_the_reason() {
        let experiment = Experiment {
            needs_websocket_backpressure: true,
            countdown_secs: 0,
            events: &[],
            ..experiment(&[EndCondition::Elapsed(8)])
        };
        for (has, says) in [(false, "This browser reads on"), (true, "This run did not show it")] {
            let abilities = Abilities { has_websocket_backpressure: has, ..ABILITIES };
            let (mut run, _) = Run::start(experiment, &LANES, abilities, at(0));
            drive(&mut run, 0, 0);
            run.observe(&input(0, [0, 0]), at(100));
            run.observe(&input(0, [0, 0]), at(if has { 20_200 } else { 8_200 }));
            let Some(RunOutcome::NotShown(reason)) = run.outcome() else { panic!("{:?}", run.outcome()) };
            assert!(reason.starts_with(says), "{reason}");
        }
    }

    #[test]
    fn a_lane_is_waited_for_unless_it_cannot_connect() {
        let mut snapshot = input(0, [0, 0]);
        snapshot.lanes[1].connection = Connection::Idle;
        let with = |absent: &'static [&'static str]| Experiment {
            absent,
            ..experiment(&[EndCondition::Elapsed(8)])
        };
        for (absent, is_ready) in [(&[][..], false), (&["fix"][..], true), (&["failure"][..], false)] {
            let (mut run, _) = Run::start(with(absent), &LANES, ABILITIES, at(0));
            drive(&mut run, 0, 0);
            run.observe(&snapshot, at(100));
            assert_eq!(run.progress(at(100)) != RunProgress::Preparing, is_ready, "{absent:?}");
        }
    }

    #[test]
    fn events_before_the_set_up_have_time_to_take_effect() {
        let before = &[LabAction::BlockUdp { blocked: true }];
        let experiment = Experiment { before, ..experiment(&[EndCondition::Elapsed(8)]) };
        let (mut run, sent) = Run::start(experiment, &LANES, ABILITIES, at(0));
        assert_eq!(sent, [ViewAction::Happen(LabAction::BlockUdp { blocked: true })]);
        assert_eq!(run.poll_timeout(at(0)), Some(at(700)));
        assert_eq!(drive(&mut run, 0, 2_000), [(700, "begin")]);
    }

    #[test]
    fn a_recovery_needs_the_end_of_the_outage_and_data_on_all_lanes() {
        let (mut run, _) = Run::start(experiment(&[EndCondition::Recovered]), &LANES, ABILITIES, at(0));
        drive(&mut run, 0, 0);
        run.observe(&input(0, [0, 0]), at(100));
        drive(&mut run, 100, 6_000);
        let outage = |until| vec![OutageInput { from: at(3_150), until }];
        let gap = |until| vec![DeliveryGap { from: at(3_100), until: at(until), ..DeliveryGap::default() }];
        let mut snapshot = ViewInput { outages: outage(None), ..input(0, [7, 0]) };
        run.observe(&snapshot, at(6_000));
        snapshot.outages = outage(Some(at(7_150)));
        snapshot.lanes[1].long_gaps = gap(7_300);
        run.observe(&snapshot, at(7_500));
        assert_eq!(run.outcome(), None, "the first lane has had no data yet");
        snapshot.lanes[0].long_gaps = gap(9_150);
        run.observe(&snapshot, at(9_500));
        assert_eq!(run.outcome(), Some(&RunOutcome::Shown));
        let fresh = |lane| run.figures().get(lane, Metric::FreshAfter);
        assert_eq!((fresh("failure"), fresh("fix")), (Some(2_000_000), Some(150_000)));
    }
}
