//! Actions of the panel: events of the lab, and long actions. Called by the controls and by the replay of a
//! link. Only one long action runs at a time, and it ends with the panel or its lab.

use leptos::prelude::*;
use leptos::task::spawn_local;
use sluice_browser::{api, clock};
use sluice_shared::lab::{LabEvent, LabRouting, Switch};

use crate::features::migration::model::plan::PlannedKind;
use crate::features::migration::model::series::{EVERY_MILLIS, SWITCHES, Series};
use crate::features::migration::state::{Activity, MigrationState, StatusKind};

/// Outages of a series, seconds: around the lengths at which connections die.
const SERIES: [u32; 7] = [3, 4, 5, 6, 7, 8, 10];
/// Interval between checks of a condition, ms.
const CHECK_MILLIS: i32 = 250;
/// Maximum wait for the gaps after the last of ten changes, ms.
const SETTLE_MILLIS: i32 = 15_000;
/// Maximum wait for all lanes after an outage, ms.
const PATIENCE_MILLIS: i32 = 20_000;
/// Time from the change of networks to the end of the outage, ms: the change happens before packets pass
/// again.
const AHEAD_MILLIS: i32 = 150;
/// Pause between two outages of a series, ms.
const PAUSE_MILLIS: i32 = 1_500;

impl MigrationState {
    /// Runs the actions planned in a link, in time order.
    pub(crate) fn run_plan(self) {
        let plan = self.settings.with_untracked(|settings| settings.plan.clone());
        if plan.is_empty() {
            return;
        }
        self.settings.update(|settings| settings.plan = Vec::new());
        let generation = self.generation();
        spawn_local(async move {
            for action in plan {
                let left = f64::from(action.after_millis) - self.millis_since_open();
                clock::sleep_millis(left.max(0.0) as i32).await;
                while self.activity.get_untracked() != Activity::Idle && self.is_generation(generation) {
                    clock::sleep_millis(CHECK_MILLIS).await;
                }
                if !self.is_generation(generation) {
                    return;
                }
                self.act(action.kind);
            }
        });
    }

    /// Performs an action with the current settings, unless it is a long one and another one is running.
    pub(crate) fn act(self, kind: PlannedKind) {
        let is_long = match kind {
            PlannedKind::Switch | PlannedKind::Spoof => false,
            PlannedKind::TenSwitches | PlannedKind::Tunnel | PlannedKind::TunnelSeries => true,
        };
        if is_long && self.activity.get_untracked() != Activity::Idle {
            return;
        }
        self.record(kind);
        match kind {
            PlannedKind::Switch => self.post(LabEvent::SwitchNetwork(self.switch())),
            PlannedKind::Spoof => {
                self.post(LabEvent::Spoof(self.settings.with_untracked(|settings| settings.spoof)));
            }
            PlannedKind::TenSwitches => self.run(Activity::TenSwitches, Self::switch_ten_times),
            PlannedKind::Tunnel => self.run(Activity::Tunnel, Self::pass_one_tunnel),
            PlannedKind::TunnelSeries => self.run(Activity::TunnelSeries, Self::pass_a_series),
        }
    }

    /// Sets the balancer's routing.
    pub(crate) fn balance(self, routing: LabRouting) {
        self.settings.update(|settings| settings.routing = routing);
        let backends = self.settings.with_untracked(|settings| settings.backends);
        self.post(LabEvent::Balance { routing, backends });
    }

    /// Sets the number of backends and reconfigures an existing balancer.
    pub(crate) fn set_backends(self, backends: u8) {
        self.settings.update(|settings| settings.backends = backends);
        let wanted = self.settings.with_untracked(|settings| settings.routing);
        // The balancer may have been configured elsewhere.
        let in_force = untrack(|| self.routing_in_force()).filter(|_| wanted == LabRouting::Off);
        let routing = in_force.unwrap_or(wanted);
        match routing {
            LabRouting::Off => {}
            LabRouting::Address | LabRouting::ConnectionId => self.balance(routing),
        }
    }

    /// Allows or forbids migration for new connections.
    pub(crate) fn allow_migration(self, allowed: bool) {
        self.settings.update(|settings| settings.allows_migration = allowed);
        self.post(LabEvent::Migration { allowed });
    }

    /// Sends an event to the lab.
    pub(crate) fn post(self, event: LabEvent) {
        if matches!(event, LabEvent::SwitchNetwork(_)) {
            self.chosen.set(None);
        }
        spawn_local(async move {
            self.request(event).await;
        });
    }

    fn switch(self) -> Switch {
        self.settings.with_untracked(|settings| settings.switch)
    }

    /// Sends an event to the lab; returns whether it was accepted.
    async fn request(self, event: LabEvent) -> bool {
        let Some(lab) = self.lab.get_untracked() else {
            self.say(StatusKind::Refused, "Not done: the page has no emulated network.");
            return false;
        };
        match api::post_event(&lab, event).await {
            Ok(()) => {
                if self.activity.get_untracked() == Activity::Idle {
                    self.say(StatusKind::Done, "");
                }
                true
            }
            Err(error) => {
                self.say(StatusKind::Refused, ["Not done: ", &error.to_string(), "."].concat());
                false
            }
        }
    }

    fn run<F: Future<Output = ()>>(self, activity: Activity, action: impl FnOnce(Self, u64) -> F + 'static) {
        self.activity.set(activity);
        let generation = self.generation();
        spawn_local(async move {
            action(self, generation).await;
            // After a change of generation another action may be running.
            if self.is_generation(generation) {
                self.activity.set(Activity::Idle);
            }
        });
    }

    async fn switch_ten_times(self, generation: u64) {
        let series = self.report.with_untracked(|report| {
            report.as_ref().map(|report| Series::new(report, self.lanes.get_untracked()))
        });
        let Some(series) = series else {
            return self.say(StatusKind::Refused, "Not done: the lab has not reported yet.");
        };
        self.series.set(Some(series));
        self.chosen.set(None);
        for number in 1..=SWITCHES {
            let progress = format!("Change {number} of {SWITCHES}.");
            self.say(StatusKind::Running, progress);
            if !self.request(LabEvent::SwitchNetwork(self.switch())).await || !self.is_generation(generation)
            {
                return;
            }
            self.series.update(|series| {
                if let Some(series) = series {
                    series.made = number;
                }
            });
            clock::sleep_millis(EVERY_MILLIS).await;
            if !self.is_generation(generation) {
                return;
            }
        }
        self.say(StatusKind::Running, "Ten changes; waiting until all gaps are over.");
        self.wait_until(SETTLE_MILLIS, generation, |state| {
            state.series.with_untracked(|series| series.as_ref().is_none_or(Series::is_settled))
        })
        .await;
        if self.is_generation(generation) {
            self.say(StatusKind::Done, "Ten changes made.");
        }
    }

    async fn pass_one_tunnel(self, generation: u64) {
        let seconds = self.settings.with_untracked(|settings| settings.tunnel_secs);
        if self.pass(seconds, "In the tunnel for ", generation).await {
            self.say(StatusKind::Done, "Out of the tunnel.");
        }
    }

    /// Runs outages of increasing length, each one after all lanes have recovered from the previous one.
    async fn pass_a_series(self, generation: u64) {
        for (at, seconds) in SERIES.into_iter().enumerate() {
            let number = self.survival.with_untracked(|survival| survival.next_number());
            let place = [&*(at + 1).to_string(), " of ", &SERIES.len().to_string()].concat();
            if !self.pass(seconds, &["Tunnel ", &place, ": "].concat(), generation).await {
                return;
            }
            let waiting = ["Tunnel ", &place, " is over; waiting for the lanes."].concat();
            self.say(StatusKind::Running, waiting);
            let is_back = self.wait_until(PATIENCE_MILLIS, generation, |state| state.is_back(number)).await;
            if at + 1 < SERIES.len() && is_back {
                self.wait_until(PAUSE_MILLIS, generation, |_| false).await;
            }
            if !self.is_generation(generation) {
                return;
            }
        }
        self.say(StatusKind::Done, "All tunnels of the series were passed.");
    }

    /// Runs an outage; returns whether it was neither refused nor stopped.
    async fn pass(self, seconds: u32, progress: &str, generation: u64) -> bool {
        let has_begun = self.request(LabEvent::Tunnel { seconds: f64::from(seconds) }).await;
        if !has_begun || !self.is_generation(generation) {
            return false;
        }
        self.say(StatusKind::Running, [progress, &seconds.to_string(), "\u{a0}s."].concat());
        let millis = i32::try_from(seconds * 1_000).unwrap_or(i32::MAX);
        self.wait_until(millis - AHEAD_MILLIS, generation, |_| false).await;
        if !self.is_generation(generation) {
            return false;
        }
        self.chosen.set(None);
        let then_switch = self.settings.with_untracked(|settings| settings.then_switch);
        if then_switch && !self.request(LabEvent::SwitchNetwork(self.switch())).await {
            return false;
        }
        self.wait_until(AHEAD_MILLIS, generation, |_| false).await;
        self.is_generation(generation)
    }

    /// Waits for a condition up to a timeout; returns whether it was met. Ends early when the generation
    /// changes.
    async fn wait_until(self, millis: i32, generation: u64, is_met: impl Fn(Self) -> bool) -> bool {
        let end = clock::page_millis() + f64::from(millis);
        loop {
            if !self.is_generation(generation) {
                return false;
            }
            if is_met(self) {
                return true;
            }
            let left = end - clock::page_millis();
            if left <= 0.0 {
                return false;
            }
            clock::sleep_millis((left.ceil() as i32).min(CHECK_MILLIS)).await;
        }
    }

    /// True if all lanes have received data after an outage.
    fn is_back(self, number: u64) -> bool {
        let are_open = self.lanes.with_untracked(|lanes| lanes.iter().all(|lane| lane.is_open()));
        are_open && self.survival.with_untracked(|survival| survival.is_over(number))
    }
}
