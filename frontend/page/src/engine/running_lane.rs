//! One lane as it runs, and what is wanted of it.

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

/// One lane as it runs.
#[derive(Debug)]
pub struct RunningLane {
    /// Its name.
    pub id: LaneId,
    /// How its messages are carried.
    pub mode: Mode,
    /// What lies between it and the server.
    pub path: NetworkPath,
    /// Its colour.
    pub series_style: SeriesStyle,
    /// What sentences call it.
    pub name: String,
    /// What its worker has reported.
    pub model: LaneModel,
    /// What follows from its slow consumer.
    pub trace: Trace,
    pub(super) link: WorkerLink,
    /// The emulated connection that was there when the lane was last opened.
    pub(super) flow_before: Option<u64>,
    /// Distinguishes this worker from one before it.
    pub(super) generation: u32,
    pub(super) last_sent: Option<Setup>,
}

impl RunningLane {
    /// True if it bypasses the emulated network.
    pub fn is_direct(&self) -> bool {
        self.path == NetworkPath::Direct
    }

    /// How its messages are carried: by WebSocket while that stands in for its own transport.
    pub const fn mode_in_use(&self) -> Mode {
        match self.model.connection {
            Connection::Open { mode, .. } => mode,
            Connection::Idle
            | Connection::Connecting { .. }
            | Connection::Waiting { .. }
            | Connection::Failed { .. } => self.mode,
        }
    }

    /// The set-up that its worker runs; `None` before it was started.
    pub const fn wanted(&self) -> Option<&Setup> {
        self.last_sent.as_ref()
    }

    /// The policy that its worker was told.
    pub fn policy(&self) -> Policy {
        self.last_sent.as_ref().map_or(Policy::Lossless, |last_sent| last_sent.policy)
    }

    /// Sees what is new of its slow consumer.
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

    /// Begins an epoch: what was measured until now is not compared any more.
    pub(super) fn begin_epoch(&mut self, number: u32, since: Time) {
        self.link.send(Command::BeginEpoch { number, since });
        self.model.begin_epoch(number, since);
    }

    /// Tells the worker what differs from what it was told before. Returns the change, if one begins an epoch.
    pub(super) fn bring_to(&mut self, wanted: Setup) -> Option<(EpochChange, String)> {
        let change = change_between(self.last_sent.as_ref(), &wanted);
        // A failure exhibit begins and ends with its session.
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

/// What is wanted of one lane.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name.
    pub id: LaneId,
    /// Its settings.
    pub setup: LaneSetup,
    /// Its colour.
    pub series_style: SeriesStyle,
    /// What sentences call it.
    pub name: String,
    /// Where it connects.
    pub endpoints: Endpoints,
    /// What lies between it and the server.
    pub path: NetworkPath,
    /// Why it can't work here; it is not started then.
    pub obstacle: Option<&'static str>,
}
