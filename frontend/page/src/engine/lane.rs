//! One lane's signals.

use leptos::prelude::*;
use sluice_shared::feed::HostSample;
use sluice_shared::lab::Congestion;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;

use crate::features::lanes::fairness_facts::Fact;
use crate::features::network::stats::LaneNetwork;
use crate::features::network::stats::RelayHops;
use crate::url::setup::LaneSetup;
use crate::url::setup::WindowChoice;
use sluice_bridge::Connection;
use sluice_bridge::Consumer;
use sluice_bridge::Recovery;
use sluice_bridge::Summary;

/// Names a lane for as long as the page lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaneId(pub u32);

/// A lane: what is wanted of it, and what was last published about it.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    /// Its name.
    pub id: LaneId,
    /// How its messages are carried.
    pub mode: RwSignal<Mode>,
    /// How slow its consumer is.
    pub consumer: RwSignal<Consumer>,
    /// What happens to messages there is no credit for.
    pub policy: RwSignal<Policy>,
    /// How much may be on the way.
    pub window: RwSignal<WindowChoice>,
    /// Which congestion controller it connects to.
    pub congestion: RwSignal<Congestion>,
    /// True if it bypasses the emulated network.
    pub is_direct: RwSignal<bool>,
    /// What follows the loss of its connection.
    pub recovery: RwSignal<Recovery>,
    /// True if its WebTransport is raced with WebSocket.
    pub falls_back: RwSignal<bool>,
    /// True if its instruments and controls are shown below its numbers.
    pub is_open: RwSignal<bool>,
    /// How its messages are carried right now: by another mode than its own when it has fallen back.
    pub mode_in_use: RwSignal<Mode>,
    /// What its worker tells, four times a second.
    pub view: RwSignal<LaneView>,
}

impl Lane {
    /// A lane to be started.
    pub fn new(id: LaneId, setup: LaneSetup) -> Self {
        Self {
            id,
            mode: RwSignal::new(setup.mode),
            consumer: RwSignal::new(setup.consumer),
            policy: RwSignal::new(setup.policy),
            window: RwSignal::new(setup.window),
            congestion: RwSignal::new(setup.congestion),
            is_direct: RwSignal::new(setup.is_direct),
            recovery: RwSignal::new(setup.recovery),
            falls_back: RwSignal::new(setup.falls_back),
            is_open: RwSignal::new(false),
            mode_in_use: RwSignal::new(setup.mode),
            view: RwSignal::new(LaneView::default()),
        }
    }

    /// Something of what is published about the lane. A plain function pointer keeps the page small: all readings of
    /// one type share their code.
    pub fn read<T: Clone + Send + Sync + 'static>(&self, read: fn(&LaneView) -> T) -> Signal<T> {
        let view = self.view;
        Signal::derive(move || view.with(read))
    }

    /// What is wanted, tracked.
    pub fn setup(&self) -> LaneSetup {
        LaneSetup {
            mode: self.mode.get(),
            consumer: self.consumer.get(),
            policy: self.policy.get(),
            window: self.window.get(),
            congestion: self.congestion.get(),
            is_direct: self.is_direct.get(),
            recovery: self.recovery.get(),
            falls_back: self.falls_back.get(),
        }
    }

    /// Wants something else.
    pub fn set(&self, setup: LaneSetup) {
        set_if_new(self.mode, setup.mode);
        set_if_new(self.consumer, setup.consumer);
        set_if_new(self.policy, setup.policy);
        set_if_new(self.window, setup.window);
        set_if_new(self.congestion, setup.congestion);
        set_if_new(self.is_direct, setup.is_direct);
        set_if_new(self.recovery, setup.recovery);
        set_if_new(self.falls_back, setup.falls_back);
    }
}

/// Sets a signal, without waking anybody when the value is the same.
pub(crate) fn set_if_new<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|held| *held != value) {
        signal.set(value);
    }
}

/// What is published about a lane.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneView {
    /// The connection.
    pub connection: Connection,
    /// Levels and totals.
    pub summary: Summary,
    /// The fairness header.
    pub facts: Vec<Fact>,
    /// Age of the newest host reading, microseconds.
    pub host_staleness: Option<u64>,
    /// The newest host reading.
    pub host: Option<HostSample>,
    /// What waits in the emulated network.
    pub relay: RelayHops,
    /// What the emulated network does to it; `None` without one.
    pub network: Option<LaneNetwork>,
}

impl LaneView {
    /// Forgets what was measured, keeps the connection and what carries it.
    pub(crate) fn forget(&mut self) {
        let facts = self.summary.facts.take();
        self.summary = Summary { facts, ..Summary::default() };
        self.host_staleness = None;
        self.host = None;
    }
}

impl Default for LaneView {
    fn default() -> Self {
        Self {
            connection: Connection::Idle,
            summary: Summary::default(),
            facts: Vec::new(),
            host_staleness: None,
            host: None,
            relay: RelayHops::default(),
            network: None,
        }
    }
}
