//! State of the story view: the place, the choices, and the runs with their figures.

use leptos::prelude::*;
use leptos::task::spawn_local;
use sluice_bridge::{ViewAction, ViewInput};
use sluice_browser::{clock, window};

use crate::features::handshakes::state::HandshakesState;
use crate::features::lazy_host::{Actions, Input};
use crate::short_list::get_or_insert;
use crate::stories::figures::{Disturbance, Figures, LaneRecord, lane_figures};
use crate::stories::place::Place;
use crate::stories::run::{Run, RunOutcome, RunProgress};
use crate::stories::script::{Abilities, Control, ControlKind, Script, is_ready};
use crate::stories::text::StoryText;

/// Signals of the story view.
#[derive(Clone, Copy, Debug)]
pub struct StoryState {
    /// The story and its step; `None` if the page's URL names none.
    pub place: Memo<Option<Place>>,
    /// Chosen options, by place.
    choices: RwSignal<Vec<(Place, usize)>>,
    /// Figures by the control of their run.
    figures: RwSignal<Vec<(ControlKey, Figures)>>,
    /// Outcomes by the control of their run.
    outcomes: RwSignal<Vec<(ControlKey, RunOutcome)>>,
    /// The control that runs, and its progress.
    pub progress: RwSignal<Option<(ControlKey, RunProgress)>>,
    /// True if a lane of the current set-up has data.
    pub are_ready: RwSignal<bool>,
    /// Figures of the current step's lanes while no run has measured any.
    pub live: RwSignal<Figures>,
    run: StoredValue<Option<(ControlKey, Run)>>,
    input: ReadSignal<ViewInput>,
    actions: Actions,
}

/// A control of a story.
pub type ControlKey = (&'static str, &'static str);

impl StoryState {
    /// Starts the state, as long as the current owner lives.
    pub fn start() -> Self {
        let Input(input) = expect_context();
        let state = Self {
            place: Memo::new(move |_| input.with(|input| Place::from_query(&input.query).map(within_story))),
            choices: RwSignal::new(Vec::new()),
            figures: RwSignal::new(Vec::new()),
            outcomes: RwSignal::new(Vec::new()),
            progress: RwSignal::new(None),
            are_ready: RwSignal::new(false),
            live: RwSignal::new(Figures::default()),
            run: StoredValue::new(None),
            input,
            actions: expect_context(),
        };
        Effect::new(move |before: Option<Option<Place>>| {
            let place = state.place.get();
            if let Some(place) = place
                && before.flatten() != Some(place)
            {
                state.enter(before.flatten(), place);
            }
            place
        });
        Effect::new(move |_| {
            let now = clock::now();
            input.with(|input| {
                let ready = input.lanes.iter().any(is_ready);
                if state.are_ready.get_untracked() != ready {
                    state.are_ready.set(ready);
                }
                state.look(input);
                state.observe(input, now);
            });
        });
        state
    }

    /// Returns text and script of a story.
    pub fn story(id: &'static str) -> Option<(&'static StoryText, &'static Script)> {
        StoryText::find(id).zip(Script::find(id))
    }

    /// Returns what set-ups may depend on.
    fn abilities(self) -> Abilities {
        let browser = window::capabilities();
        self.input.with_untracked(|input| Abilities {
            has_websocket_backpressure: browser.has_websocket_backpressure(),
            has_webtransport: input.server.as_ref().is_some_and(|server| server.has_webtransport),
        })
    }

    /// Sets the page up for a place. The next step of a story keeps what is there unless it has a set-up of its own.
    fn enter(self, before: Option<Place>, place: Place) {
        self.cancel();
        let Some((_, script)) = Self::story(place.story) else { return };
        let continues =
            before.is_some_and(|before| before.story == place.story && before.step + 1 == place.step);
        let own = script.steps.get(place.step).and_then(|step| step.setup);
        let setup = if continues { own } else { script.setup_at(place.step) };
        if let Some(setup) = setup {
            self.actions.send(&ViewAction::Begin(Box::new(setup(self.abilities()))));
        }
    }

    /// Goes to another step of the story and adds an entry to the browser's history.
    pub fn go_to(self, place: Place) {
        self.actions.send(&ViewAction::Navigate(place.query()));
    }

    /// Sends an action to the page.
    pub fn send(self, action: &ViewAction) {
        self.actions.send(action);
    }

    /// Returns the option that was chosen at a place, tracked.
    pub fn choice(self, place: Place) -> Option<usize> {
        self.choices.with(|choices| choices.iter().find(|(at, _)| *at == place).map(|(_, option)| *option))
    }

    /// Chooses an option.
    pub fn choose(self, place: Place, option: usize) {
        self.choices.update(|choices| *get_or_insert(choices, place, || option) = option);
    }

    /// Returns the figures of a control's last run, tracked.
    pub fn figures(self, key: ControlKey) -> Option<Figures> {
        self.figures.with(|all| all.iter().find(|(of, _)| *of == key).map(|(_, figures)| figures.clone()))
    }

    /// Returns the outcome of a control's last run, tracked.
    pub fn outcome(self, key: ControlKey) -> Option<RunOutcome> {
        self.outcomes.with(|all| all.iter().find(|(of, _)| *of == key).map(|(_, outcome)| outcome.clone()))
    }

    /// Sets the figures of a control that has no run of its own.
    pub fn set_figures(self, key: ControlKey, figures: Figures) {
        let is_new = self.figures.with_untracked(|all| !all.contains(&(key, figures.clone())));
        if is_new {
            self.figures.update(|all| *get_or_insert(all, key, Figures::default) = figures);
            self.set_outcome(key, RunOutcome::Shown);
        }
    }

    fn set_outcome(self, key: ControlKey, outcome: RunOutcome) {
        if self.outcomes.with_untracked(|all| !all.contains(&(key, outcome.clone()))) {
            self.outcomes.update(|all| *get_or_insert(all, key, || outcome.clone()) = outcome.clone());
        }
    }

    /// Does what a step's control does.
    pub fn press(self, place: Place, control: Control) {
        let key = (place.story, control.id);
        match control.kind {
            ControlKind::Handshakes => HandshakesState::shared().run(),
            ControlKind::Fragments(bytes) => self.send(&ViewAction::SetFragmentBytes(bytes)),
            ControlKind::Lanes(experiment) => {
                let Some((text, _)) = Self::story(place.story) else { return };
                self.cancel();
                // The answer of the run before is not this one's.
                self.figures.update(|all| all.retain(|(of, _)| *of != key));
                self.outcomes.update(|all| all.retain(|(of, _)| *of != key));
                let now = clock::now();
                let (run, before) = Run::start(experiment, text.lanes_at(place.step), self.abilities(), now);
                before.iter().for_each(|action| self.send(action));
                self.progress.set(Some((key, run.progress(now))));
                self.run.set_value(Some((key, run)));
                self.drive(key);
            }
        }
    }

    /// Stops a run without an outcome.
    fn cancel(self) {
        self.run.set_value(None);
        if self.progress.with_untracked(Option::is_some) {
            self.progress.set(None);
        }
    }

    /// Measures the lanes of the current step since they were set up.
    fn look(self, input: &ViewInput) {
        let Some(place) = self.place.get_untracked() else { return };
        let Some((text, _)) = Self::story(place.story) else { return };
        let lanes = text.lanes_at(place.step);
        let mut records = vec![LaneRecord::default(); lanes.len()];
        let began = input.measured_since;
        records.iter_mut().zip(&input.lanes).for_each(|(record, lane)| record.take(lane, began));
        let disturbance = Disturbance { began, outage: None };
        self.live.set(lane_figures(input, lanes, &records, disturbance));
    }

    /// Hands a snapshot to the run.
    fn observe(self, input: &ViewInput, now: sluice_shared::time::Time) {
        let had_timer =
            self.run.with_value(|run| run.as_ref().is_some_and(|(_, run)| run.poll_timeout(now).is_some()));
        let observed = self.run.try_update_value(|running| {
            let (key, run) = running.as_mut()?;
            run.observe(input, now);
            Some((*key, run.figures().clone(), run.outcome().cloned(), run.poll_timeout(now).is_some()))
        });
        let Some((key, figures, outcome, has_timer)) = observed.flatten() else { return };
        self.figures.update(|all| *get_or_insert(all, key, Figures::default) = figures);
        if let Some(outcome) = outcome {
            self.run.set_value(None);
            self.progress.set(None);
            return self.set_outcome(key, outcome);
        }
        self.show_progress(now);
        if has_timer && !had_timer {
            self.drive(key);
        }
    }

    /// Sends the run's events when they are due.
    fn drive(self, key: ControlKey) {
        spawn_local(async move {
            loop {
                let now = clock::now();
                let due = self.run.try_update_value(|running| {
                    let (_, run) = running.as_mut().filter(|(of, _)| *of == key)?;
                    Some((run.poll_actions(now), run.poll_timeout(now)))
                });
                let Some(Some((actions, timeout))) = due else { return };
                actions.iter().for_each(|action| self.send(action));
                self.show_progress(now);
                let Some(timeout) = timeout else { return };
                let millis = sluice_shared::time::micros(timeout.since(now)) / 1_000;
                clock::sleep_millis(i32::try_from(millis).unwrap_or(i32::MAX).max(1)).await;
            }
        });
    }

    fn show_progress(self, now: sluice_shared::time::Time) {
        let progress = self.run.with_value(|run| run.as_ref().map(|(key, run)| (*key, run.progress(now))));
        if self.progress.with_untracked(|shown| *shown != progress) {
            self.progress.set(progress);
        }
    }
}

/// Keeps a place within its story.
fn within_story(place: Place) -> Place {
    let steps = StoryText::find(place.story).map_or(0, |story| story.steps.len());
    Place { step: place.step.min(steps.saturating_sub(1)), ..place }
}
