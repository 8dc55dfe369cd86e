//! Signals of one lane: its settings and its published state.
//!
//! Controls write the settings; the engine publishes the state four times a second.

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

/// Identifier of a lane, unique for the lifetime of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaneId(pub u32);

/// Lane with its wanted settings and its last published state.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    /// Identifier.
    pub id: LaneId,
    /// Mode that it is set to.
    pub mode: RwSignal<Mode>,
    /// Consumer settings.
    pub consumer: RwSignal<Consumer>,
    /// Policy for messages without credit.
    pub policy: RwSignal<Policy>,
    /// Credit window.
    pub window: RwSignal<WindowChoice>,
    /// Congestion controller of the endpoint that it connects to.
    pub congestion: RwSignal<Congestion>,
    /// True if it bypasses the emulated network.
    pub is_direct: RwSignal<bool>,
    /// Recovery after the loss of its connection.
    pub recovery: RwSignal<Recovery>,
    /// True if its WebTransport is raced with WebSocket.
    pub falls_back: RwSignal<bool>,
    /// True if its instruments and controls are expanded below its numbers.
    pub is_open: RwSignal<bool>,
    /// Mode in use: another one than its own after a fallback.
    pub mode_in_use: RwSignal<Mode>,
    /// State published by the engine, four times a second.
    pub view: RwSignal<LaneView>,
}

impl Lane {
    /// Creates a lane with this set-up.
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

    /// Returns a signal of a part of the published state. A plain function pointer keeps the page small: all
    /// parts of one type share their code.
    pub fn read<T: Clone + Send + Sync + 'static>(&self, read: fn(&LaneView) -> T) -> Signal<T> {
        let view = self.view;
        Signal::derive(move || view.with(read))
    }

    /// Returns the wanted set-up, tracked.
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

    /// Changes the wanted set-up.
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

/// Sets a signal without notifying subscribers if the value is the same.
pub(crate) fn set_if_new<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|held| *held != value) {
        signal.set(value);
    }
}

/// Published state of a lane.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneView {
    /// Connection state.
    pub connection: Connection,
    /// Levels and totals.
    pub summary: Summary,
    /// Facts of the fairness header.
    pub facts: Vec<Fact>,
    /// Age of the newest host reading, microseconds.
    pub host_staleness: Option<u64>,
    /// The newest host reading.
    pub host: Option<HostSample>,
    /// Queues in the emulated network.
    pub relay: RelayHops,
    /// Effect of the emulated network on the lane; `None` without one.
    pub network: Option<LaneNetwork>,
}

impl LaneView {
    /// Discards measurements; keeps the connection and its transport facts.
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
