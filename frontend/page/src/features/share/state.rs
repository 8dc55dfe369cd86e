//! State of saving and sharing: the open recording, and the network actions that a link replays or that were
//! made here. Held by the page's state; the menu, the replay of a link and the network panel use it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use leptos::prelude::*;
use sluice_shared::lab::LabEvent;
use sluice_shared::time::{Time, micros};

use crate::app::state::App;
use crate::features::share::actions::{ActionPlan, NetworkAction, TimedAction};
use crate::features::share::link::LinkExtras;
use crate::features::share::recording::Recording;
use crate::features::timeline::scene::Viewport;

/// Copyable handles of the sharing state.
#[derive(Clone, Copy, Debug)]
pub struct Sharing {
    /// The recording shown in place of the lanes.
    pub opened: RwSignal<Option<Arc<Recording>>>,
    /// True if copied links replay the actions made here.
    pub includes_actions: RwSignal<bool>,
    /// Time at which the first lane connected.
    pub connected_at: RwSignal<Option<Time>>,
    /// Network actions made since the page was opened; the newest are dropped beyond the limit.
    done: RwSignal<Vec<(Time, NetworkAction)>>,
    /// Actions of the link with which the page was opened.
    plan: StoredValue<ActionPlan>,
    /// Viewport of the timeline.
    viewport: StoredValue<Rc<RefCell<Viewport>>, LocalStorage>,
}

impl Sharing {
    /// Returns the state without an open recording and without recorded actions.
    pub(crate) fn new(plan: ActionPlan) -> Self {
        Self {
            opened: RwSignal::new(None),
            includes_actions: RwSignal::new(false),
            connected_at: RwSignal::new(None),
            done: RwSignal::new(Vec::new()),
            plan: StoredValue::new(plan),
            viewport: StoredValue::new_local(Rc::default()),
        }
    }

    /// Returns the viewport of the timeline.
    pub(crate) fn viewport(self) -> Rc<RefCell<Viewport>> {
        self.viewport.get_value()
    }

    /// Returns the actions of the link with which the page was opened.
    pub(crate) fn plan(self) -> ActionPlan {
        self.plan.get_value()
    }

    /// Records a lab event that was requested at `at` and accepted.
    pub(crate) fn record(self, at: Time, event: LabEvent) {
        let Some(action) = NetworkAction::from_event(event) else { return };
        self.done.update(|done| {
            if done.len() < ActionPlan::MAX_ACTIONS {
                done.push((at, action));
            }
        });
    }

    /// Returns the actions made since the page was opened, relative to the first connection; tracked.
    pub fn recorded(self) -> ActionPlan {
        let Some(connected_at) = self.connected_at.get() else { return ActionPlan::default() };
        self.done.with(|done| recorded_plan(done, connected_at))
    }

    /// Shows a recording in place of the lanes.
    pub(crate) fn open(self, recording: Recording) {
        self.viewport().borrow_mut().set_recording(Some(recording.scene()));
        self.opened.set(Some(Arc::new(recording)));
    }

    /// Shows the lanes again.
    pub(crate) fn close(self) {
        self.viewport().borrow_mut().set_recording(None);
        self.opened.set(None);
    }
}

/// Returns a plan of `done`, rounded to a tenth of a second. Actions before the first connection come first.
fn recorded_plan(done: &[(Time, NetworkAction)], connected_at: Time) -> ActionPlan {
    ActionPlan::new(done.iter().filter_map(|(at, action)| {
        let tenths = (micros(at.since(connected_at)) + 50_000) / 100_000;
        let after_millis = u32::try_from(tenths * 100).ok()?;
        Some(TimedAction { after_millis, action: *action })
    }))
}

impl App {
    /// Returns the parts of the page's address that belong to this feature. They keep the timed actions of
    /// the link with which the page was opened, so that a reload replays them.
    pub(crate) fn link_extras(&self) -> LinkExtras {
        let lanes = self.lanes.get_untracked();
        let open = lanes.iter().enumerate().filter(|(_, lane)| lane.is_open.get_untracked());
        LinkExtras {
            open_lanes: open.map(|(position, _)| position).collect(),
            axis: self.axis.get_untracked(),
            metric: self.metric.get_untracked(),
            plan: self.share.plan(),
        }
    }

    /// Applies the extras of a link.
    pub(crate) fn apply_extras(&self, extras: &LinkExtras) {
        self.axis.set(extras.axis);
        self.metric.set(extras.metric);
        let lanes = self.lanes.get_untracked();
        for lane in extras.open_lanes.iter().filter_map(|position| lanes.get(*position)) {
            lane.is_open.set(true);
        }
    }

    /// Returns the query of a link to copy, including the recorded actions if requested.
    pub(crate) fn share_query(&self) -> String {
        let mut extras = self.link_extras();
        if self.share.includes_actions.get_untracked() {
            extras.plan = untrack(|| self.share.recorded());
        }
        self.query_with(&extras)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_recorded_relative_to_the_first_connected_lane() {
        let connected_at = Time::from_millis(10_000);
        let block = NetworkAction::BlockUdp { blocked: true };
        let done = [
            (Time::from_millis(8_000), NetworkAction::Tunnel { millis: 4_000 }),
            (Time::from_millis(12_040), block),
            (Time::from_millis(12_960), block),
            (Time::from_millis(10_000 + 3_700_000), block),
        ];
        assert_eq!(recorded_plan(&done, connected_at).text(), "0:tunnel:4,2:block-udp,3:block-udp");
        assert!(recorded_plan(&[], connected_at).is_empty());
    }
}
