//! Running lane with its worker, and its wanted state.
//!
//! Owned by the engine. The worker receives only the differences to the set-up that was sent last.

use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::time::Time;

use crate::charts::series::SeriesStyle;
use crate::engine::epochs::EpochChange;
use crate::engine::epochs::change_between;
use crate::engine::lane::LaneId;
use crate::engine::lane_model::LaneModel;
use crate::features::lanes::fairness_facts::NetworkPath;
use crate::features::trace::model::LaneSample;
use crate::features::trace::model::Trace;
use crate::url::setup::LaneSetup;
use sluice_bridge::Command;
use sluice_bridge::Connection;
use sluice_bridge::Endpoints;
use sluice_bridge::Setup;
use sluice_browser::clock;
use sluice_browser::worker_link::WorkerLink;

/// Running lane.
#[derive(Debug)]
pub struct RunningLane {
    /// Identifier.
    pub id: LaneId,
    /// Mode that it is set to.
    pub mode: Mode,
    /// Network path to the server.
    pub path: NetworkPath,
    /// Colour and dash in charts.
    pub series_style: SeriesStyle,
    /// Name in sentences.
    pub name: String,
    /// Model, filled by its worker's reports.
    pub model: LaneModel,
    /// Trace of its slow consumer's effects.
    pub trace: Trace,
    pub(super) link: WorkerLink,
    /// Emulated connection that existed when the lane was last opened.
    pub(super) flow_before: Option<u64>,
    /// Number that distinguishes this worker from its predecessors.
    pub(super) generation: u32,
    pub(super) last_sent: Option<Setup>,
}

impl RunningLane {
    /// True if it bypasses the emulated network.
    pub fn is_direct(&self) -> bool {
        self.path == NetworkPath::Direct
    }

    /// Returns the mode in use: WebSocket while that replaces its own transport.
    pub const fn mode_in_use(&self) -> Mode {
        match self.model.connection {
            Connection::Open { mode, .. } => mode,
            Connection::Idle
            | Connection::Connecting { .. }
            | Connection::Waiting { .. }
            | Connection::Failed { .. } => self.mode,
        }
    }

    /// Returns the set-up that its worker runs; `None` before it was started.
    pub const fn wanted(&self) -> Option<&Setup> {
        self.last_sent.as_ref()
    }

    /// Returns the policy that was last sent to its worker.
    pub fn policy(&self) -> Policy {
        self.last_sent.as_ref().map_or(Policy::Lossless, |last_sent| last_sent.policy)
    }

    /// Updates the trace of its slow consumer.
    pub(super) fn look(&mut self) {
        let Some((last_sent, now)) = self.last_sent.as_ref().zip(self.model.reported_at) else { return };
        self.trace.look(&LaneSample {
            now,
            policy: last_sent.policy,
            consumer: last_sent.consumer,
            connection: &self.model.connection,
            summary: &self.model.summary,
            tcp: self
                .model
                .link_stats
                .flow()
                .filter(|flow| Some(flow.flow) != self.flow_before)
                .and_then(|flow| flow.tcp.as_ref()),
        });
    }

    /// Begins an epoch: earlier measurements are no longer compared.
    pub(super) fn begin_epoch(&mut self, number: u32, since: Time) {
        self.link.send(Command::BeginEpoch { number, since });
        self.model.begin_epoch(number, since);
    }

    /// Sends its worker the differences to the last set-up. Returns the change, if it begins an epoch.
    pub(super) fn bring_to(&mut self, wanted: Setup) -> Option<(EpochChange, String)> {
        let change = change_between(self.last_sent.as_ref(), &wanted);
        // A fault mode begins and ends with its session.
        let is_same_session = |last_sent: &&Setup| {
            last_sent.policy == wanted.policy
                || !(last_sent.policy.is_exhibit() || wanted.policy.is_exhibit())
        };
        let Some(last_sent) = self.last_sent.as_ref().filter(is_same_session) else {
            self.trace.begin_with_connection(clock::now());
            self.flow_before = self.model.link_stats.flow().map(|flow| flow.flow);
            self.link.send(Command::Open(wanted.clone()));
            self.last_sent = Some(wanted);
            return change;
        };
        if last_sent.endpoints != wanted.endpoints {
            self.link.send(Command::SetEndpoints(wanted.endpoints.clone()));
        }
        if last_sent.feeds != wanted.feeds {
            self.link.send(Command::SetFeeds(wanted.feeds.clone()));
        }
        if last_sent.fragment_bytes != wanted.fragment_bytes {
            self.link.send(Command::SetFragments(wanted.fragment_bytes));
        }
        if (last_sent.policy, last_sent.consumer) != (wanted.policy, wanted.consumer) {
            self.trace.begin();
        }
        if last_sent.policy != wanted.policy {
            self.link.send(Command::SetPolicy(wanted.policy));
        }
        if last_sent.window != wanted.window {
            self.link.send(Command::SetWindow(wanted.window));
        }
        if last_sent.upkeep != wanted.upkeep {
            self.link.send(Command::SetUpkeep(wanted.upkeep));
        }
        if last_sent.consumer != wanted.consumer {
            self.link.send(Command::SetConsumer(wanted.consumer));
        }
        self.last_sent = Some(wanted);
        change
    }
}

/// Wanted state of one lane.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Identifier.
    pub id: LaneId,
    /// Settings.
    pub setup: LaneSetup,
    /// Colour and dash in charts.
    pub series_style: SeriesStyle,
    /// Name in sentences.
    pub name: String,
    /// Server addresses.
    pub endpoints: Endpoints,
    /// Network path to the server.
    pub path: NetworkPath,
    /// Reason for which it cannot work here; it is not started then.
    pub obstacle: Option<&'static str>,
}
