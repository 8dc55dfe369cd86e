//! State of the migration panel, updated from the lab's reports and the page's snapshots. Used by the view
//! and the actions. It outlives the view, but its watch and its actions end when the panel is closed or the
//! lab changes.

use std::cell::OnceCell;

use leptos::prelude::*;
use leptos::task::spawn_local;
use sluice_browser::api::{self, AskError};
use sluice_browser::clock;
use sluice_browser::lab_watch::{LabWatch, WatchEvent};
use sluice_shared::lab::{LabEvent, LabReport, LabRouting, SwitchReport};
use sluice_shared::scenario::Routing;

use crate::engine::lane::set_if_new;
use crate::features::migration::model::chain::resolved_switch;
use crate::features::migration::model::effect::{ChangeEffect, ChangeEffects};
use crate::features::migration::model::lane::PageLane;
use crate::features::migration::model::plan::{MAX_ACTIONS, PlannedAction, PlannedKind};
use crate::features::migration::model::series::Series;
use crate::features::migration::model::settings::MigrationSettings;
use crate::features::migration::model::survival::Survival;

/// Delay before a watch that has ended is reopened, ms.
const RETRY_MILLIS: i32 = 500;
const NO_LAB: &str = "The page has no emulated network, so there is nothing to change.";

/// State of the panel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MigrationState {
    /// The settings.
    pub(crate) settings: RwSignal<MigrationSettings>,
    /// Lab to which all state below belongs.
    pub(crate) lab: RwSignal<Option<String>>,
    /// Newest report of the lab, without its flows.
    pub(crate) report: RwSignal<Option<LabReport>>,
    /// Error of the last report, if it could not be decoded.
    pub(crate) unreadable: RwSignal<Option<AskError>>,
    /// Number of the change that is shown; `None` for the newest.
    pub(crate) chosen: RwSignal<Option<u64>>,
    /// Effects of changes on the lanes.
    pub(crate) effects: RwSignal<ChangeEffects>,
    /// Last series of changes.
    pub(crate) series: RwSignal<Option<Series>>,
    /// Outages and their outcomes.
    pub(crate) survival: RwSignal<Survival>,
    /// Lanes of the page.
    pub(crate) lanes: RwSignal<Vec<PageLane>>,
    /// Outcome of the last action.
    pub(crate) status: RwSignal<Status>,
    /// Long action in progress.
    pub(crate) activity: RwSignal<Activity>,
    /// Actions since all lanes were open, for a link that replays them.
    pub(crate) recorded: RwSignal<Vec<PlannedAction>>,
    /// Time at which all lanes were first open, ms of the page's clock.
    opened_millis: StoredValue<Option<f64>>,
    /// True if the link's settings have been sent to the lab.
    is_set_up: StoredValue<bool>,
    /// Incremented on close, stop, and a change of the lab; an action ends with its generation.
    generation: StoredValue<u64>,
    watch: StoredValue<Option<LabWatch>, LocalStorage>,
}

/// Outcome or progress of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) kind: StatusKind,
    pub(crate) text: String,
}

/// Kind of a [`Status`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StatusKind {
    #[default]
    Done,
    Running,
    Refused,
}

impl StatusKind {
    /// Returns the name used by tests and styles.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Running => "running",
            Self::Refused => "refused",
        }
    }
}

/// Long action; at most one runs at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Activity {
    /// No action is running.
    #[default]
    Idle,
    /// Ten changes of networks.
    TenSwitches,
    /// An outage.
    Tunnel,
    /// A series of outages.
    TunnelSeries,
}

/// Data of the shown change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShownChange {
    /// The change, with the final state of its connections.
    pub(crate) switch: SwitchReport,
    /// Number of connections that their lanes had already left.
    pub(crate) left_out: usize,
    /// Effects on the lanes, in the order of the connections.
    pub(crate) effects: Vec<ChangeEffect>,
}

thread_local! {
    static STATE: OnceCell<(Owner, MigrationState)> = const { OnceCell::new() };
}

impl MigrationState {
    /// Returns the page's single instance, created on first use.
    pub(crate) fn get() -> Self {
        STATE.with(|state| {
            let (_, state) = state.get_or_init(|| {
                // The owner has no parent, so that the signals outlive the view that first needs them.
                let owner = Owner::default();
                let state = owner.with(Self::new);
                (owner, state)
            });
            *state
        })
    }

    fn new() -> Self {
        Self {
            settings: RwSignal::default(),
            lab: RwSignal::default(),
            report: RwSignal::default(),
            unreadable: RwSignal::default(),
            chosen: RwSignal::default(),
            effects: RwSignal::default(),
            series: RwSignal::default(),
            survival: RwSignal::default(),
            lanes: RwSignal::default(),
            status: RwSignal::default(),
            activity: RwSignal::default(),
            recorded: RwSignal::default(),
            opened_millis: StoredValue::default(),
            is_set_up: StoredValue::default(),
            generation: StoredValue::default(),
            watch: StoredValue::new_local(None),
        }
    }

    /// Watches a lab, and clears the state of another one.
    pub(crate) fn follow(self, lab: Option<String>, is_missing: bool) {
        self.end_actions();
        if self.lab.get_untracked() != lab {
            self.forget();
            self.lab.set(lab.clone());
        }
        if is_missing {
            self.say(StatusKind::Refused, NO_LAB);
        }
        if let Some(lab) = lab {
            self.watch(&lab);
        }
    }

    /// Ends the watch and the actions when the panel is closed.
    pub(crate) fn leave(self) {
        self.end_actions();
    }

    fn end_actions(self) {
        self.watch.set_value(None);
        self.generation.update_value(|generation| *generation += 1);
        if self.activity.get_untracked() != Activity::Idle {
            self.activity.set(Activity::Idle);
            self.say(StatusKind::Done, "Stopped: the panel was closed, or its network replaced.");
        }
    }

    fn forget(self) {
        self.report.set(None);
        self.unreadable.set(None);
        self.chosen.set(None);
        self.effects.set(ChangeEffects::default());
        self.series.set(None);
        self.survival.set(Survival::default());
        self.recorded.set(Vec::new());
        self.opened_millis.set_value(None);
        self.is_set_up.set_value(false);
    }

    fn watch(self, lab: &str) {
        let (generation, id) = (self.generation(), lab.to_owned());
        let handle = move |event: WatchEvent<LabReport>| match event {
            WatchEvent::Report(report) => self.take_report(*report),
            WatchEvent::Unreadable(error) => set_if_new(self.unreadable, Some(error)),
            WatchEvent::Cut => {}
            // Deferred: this call comes from the watch that is being replaced.
            WatchEvent::Gone => {
                let id = id.clone();
                spawn_local(async move {
                    clock::sleep_millis(RETRY_MILLIS).await;
                    if self.is_generation(generation) {
                        self.watch(&id);
                    }
                });
            }
        };
        let watch = LabWatch::decoded(&api::watch_url(lab), "report of the lab", handle);
        self.watch.set_value(Some(watch));
    }

    fn take_report(self, report: LabReport) {
        let report = LabReport { flows: Vec::new(), ..report };
        if self.series.with_untracked(Option::is_some) {
            self.series.update(|series| {
                if let Some(series) = series {
                    series.take(&report);
                }
            });
        }
        self.survival.update(|survival| survival.take(&report));
        let lanes = self.lanes.get_untracked();
        self.effects.update(|effects| effects.take(&report, &lanes));
        set_if_new(self.unreadable, None);
        self.set_up(&report);
        self.report.set(Some(report));
    }

    /// Applies the link's settings to a lab that has just been created.
    fn set_up(self, report: &LabReport) {
        if self.is_set_up.get_value() {
            return;
        }
        self.is_set_up.set_value(true);
        let MigrationSettings { routing, backends, allows_migration, .. } = self.settings.get_untracked();
        if routing != LabRouting::Off && report.balancer.is_none() {
            self.post(LabEvent::Balance { routing, backends });
        }
        if !allows_migration && !report.is_migration_off {
            self.post(LabEvent::Migration { allowed: false });
        }
    }

    /// Updates the lanes from a snapshot.
    pub(crate) fn take_lanes(self, lanes: Vec<PageLane>) {
        let report = self.report.get_untracked();
        if let Some(report) = &report {
            self.effects.update(|effects| effects.take(report, &lanes));
        }
        let are_open = !lanes.is_empty() && lanes.iter().all(PageLane::is_open);
        self.lanes.set(lanes);
        if are_open && report.is_some() && self.opened_millis.get_value().is_none() {
            self.opened_millis.set_value(Some(clock::page_millis()));
            self.run_plan();
        }
    }

    /// Records an action for a link that replays it.
    pub(crate) fn record(self, kind: PlannedKind) {
        let Some(opened) = self.opened_millis.get_value() else { return };
        let after_millis = (clock::page_millis() - opened).max(0.0) as u32;
        self.recorded.update(|recorded| {
            if recorded.len() < MAX_ACTIONS {
                recorded.push(PlannedAction { after_millis, kind });
            }
        });
    }

    /// Returns the time since all lanes were open, ms.
    pub(crate) fn millis_since_open(self) -> f64 {
        self.opened_millis.get_value().map_or(0.0, |opened| clock::page_millis() - opened)
    }

    /// Returns the current generation, for actions that end with it.
    pub(crate) fn generation(self) -> u64 {
        self.generation.get_value()
    }

    /// True if `generation` is still current.
    pub(crate) fn is_generation(self, generation: u64) -> bool {
        self.generation.get_value() == generation
    }

    /// Stops the long action in progress.
    pub(crate) fn stop(self) {
        self.generation.update_value(|generation| *generation += 1);
        self.activity.set(Activity::Idle);
        self.say(StatusKind::Done, "Stopped.");
        // The watch belonged to the previous generation.
        if let Some(lab) = self.lab.get_untracked() {
            self.watch(&lab);
        }
    }

    /// Shows the outcome of an action.
    pub(crate) fn say(self, kind: StatusKind, text: impl Into<String>) {
        set_if_new(self.status, Status { kind, text: text.into() });
    }

    /// Returns the change that is shown, tracked.
    pub(crate) fn shown_change(self) -> Option<ShownChange> {
        let chosen = self.chosen.get();
        self.report.with(|report| {
            let switches = &report.as_ref()?.switches;
            let shown =
                switches.iter().find(|switch| Some(switch.number) == chosen).or_else(|| switches.last())?;
            let (switch, left_out) = resolved_switch(shown, switches);
            let effects = self
                .effects
                .with(|effects| switch.paths.iter().map(|path| effects.of(&switch, path)).collect());
            Some(ShownChange { switch, left_out, effects })
        })
    }

    /// Returns the routing in force, tracked; `None` before the first report.
    pub(crate) fn routing_in_force(self) -> Option<LabRouting> {
        self.report.with(|report| {
            let balancer = report.as_ref()?.balancer.as_ref();
            Some(balancer.map_or(LabRouting::Off, |balancer| match balancer.routing {
                Routing::Address => LabRouting::Address,
                Routing::ConnectionId => LabRouting::ConnectionId,
            }))
        })
    }
}
