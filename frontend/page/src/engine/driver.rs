//! Engine of the page: brings the workers to the wanted set-up, and applies their reports to the models.
//!
//! Called by the frame loop, by handlers of the page and by workers' messages. Borrowed for one call at a
//! time, never across an await.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use sluice_shared::feed::FeedSpec;
use sluice_shared::flood::FloodStyle;
use sluice_shared::lab::NetworkReport;
use sluice_shared::session::Heartbeat;
use sluice_shared::time::Time;

use crate::charts::scale::AgeAxis;
use crate::engine::epochs::Epoch;
use crate::engine::epochs::EpochChange;
use crate::engine::epochs::EpochLog;
use crate::engine::lane::LaneId;
use crate::engine::lane_model::LaneModel;
use crate::engine::meter::FrameMeter;
use crate::engine::running_lane::RunningLane;
use crate::engine::running_lane::Wanted;
use crate::features::host::model::HostMetric;
use crate::features::log::model::Log;
use crate::features::network::stats::RelayRoom;
use crate::features::timeline::events::TimelineEvents;
use crate::features::trace::model::Trace;
use crate::url::setup::FeedSetup;
use crate::verdict::Steady;
use sluice_bridge::Command;
use sluice_bridge::Connection;
use sluice_bridge::Level;
use sluice_bridge::Report;
use sluice_browser::clock;
use sluice_browser::worker_link::Arrival;
use sluice_browser::worker_link::WorkerLink;

/// Shared handle of the engine. A borrow lasts for one call, never across an await.
pub type EngineHandle = Rc<RefCell<Engine>>;

/// All running lanes, outside the reactive graph.
#[derive(Debug)]
pub struct Engine {
    this: Weak<RefCell<Self>>,
    running: Vec<RunningLane>,
    /// True if a lane has consumed a message since the page was opened.
    has_data: bool,
    /// Event log.
    pub log: Log,
    /// Cost of the page itself.
    pub meter: FrameMeter,
    /// Verdict that is shown.
    pub verdict: Steady,
    /// Beginning of the measurements.
    pub measured_since: Time,
    /// Events of the network.
    pub events: TimelineEvents,
    /// Time that is marked in the charts.
    pub marked: Option<Time>,
    /// Heartbeat of all lanes.
    heartbeat: Heartbeat,
    fragment_bytes: u32,
    /// Quantity shown by the host panel.
    metric: HostMetric,
    axis: AgeAxis,
    epochs: EpochLog,
    /// True if all measurements are discarded with the next instruction.
    restarts: bool,
    lab: Option<NetworkReport>,
    room: RelayRoom,
    out_since: Option<Time>,
}

impl Engine {
    /// Creates an engine without lanes.
    pub fn new() -> EngineHandle {
        Rc::new_cyclic(|this| {
            RefCell::new(Self {
                this: Weak::clone(this),
                running: Vec::new(),
                has_data: false,
                log: Log::default(),
                meter: FrameMeter::new(clock::page_millis()),
                verdict: Steady::default(),
                measured_since: clock::now(),
                events: TimelineEvents::default(),
                marked: None,
                heartbeat: Heartbeat::default(),
                fragment_bytes: 0,
                metric: HostMetric::default(),
                axis: AgeAxis::default(),
                epochs: EpochLog::new(clock::now()),
                restarts: false,
                lab: None,
                room: RelayRoom::default(),
                out_since: None,
            })
        })
    }

    /// Returns all lanes, from the top.
    pub fn lanes(&self) -> impl Iterator<Item = &RunningLane> {
        self.running.iter()
    }

    /// Returns a lane and its position from the top.
    pub fn lane(&self, id: LaneId) -> Option<(usize, &RunningLane)> {
        self.running.iter().enumerate().find(|(_, running)| running.id == id)
    }

    /// Returns a lane for modification.
    pub fn lane_mut(&mut self, id: LaneId) -> Option<&mut RunningLane> {
        self.running.iter_mut().find(|running| running.id == id)
    }

    /// Returns the layout of latencies on the timeline.
    pub const fn latency_axis(&self) -> AgeAxis {
        self.axis
    }

    /// Returns the quantity shown by the host panel.
    pub const fn host_metric(&self) -> HostMetric {
        self.metric
    }

    /// Selects what the charts show.
    pub const fn set_view(&mut self, axis: AgeAxis, metric: HostMetric) {
        self.axis = axis;
        self.metric = metric;
    }

    /// Sets the heartbeat of all lanes.
    pub const fn set_heartbeat(&mut self, heartbeat: Heartbeat) {
        self.heartbeat = heartbeat;
    }

    /// Limits the payload of WebSocket frames, bytes; 0 sends whole messages.
    pub const fn set_fragments(&mut self, bytes: u32) {
        self.fragment_bytes = bytes;
    }

    /// Requests a report from every worker, before a frame.
    pub fn begin_frame(&self) {
        // A worker without instructions has nothing to report.
        for running in self.running.iter().filter(|running| running.last_sent.is_some()) {
            running.link.ask_for_report();
        }
    }

    /// Starts, stops and instructs workers until the lanes are as wanted. Returns whether all measurements
    /// were discarded.
    ///
    /// A change begins an epoch. Workers learn of it after the change, so what they counted before is not in
    /// it.
    pub fn bring_to(&mut self, wanted: Vec<Wanted>, feeds: &FeedSetup, specs: &[FeedSpec]) -> bool {
        let mut before = core::mem::take(&mut self.running);
        let are_first = before.is_empty();
        let mut changes = Vec::new();
        for want in wanted {
            let kept = before.iter().position(|running| running.id == want.id).map(|at| before.remove(at));
            let mut running = match kept {
                Some(running) if running.mode == want.setup.mode => running,
                Some(other_mode) => self.started(&want, other_mode.generation + 1),
                None => self.started(&want, 0),
            };
            running.series_style = want.series_style;
            running.name.clone_from(&want.name);
            running.path = want.path;
            match want.obstacle {
                Some(sentence) => {
                    running.model.connection = Connection::Failed { reason: sentence.to_owned() }
                }
                None => {
                    let mut setup = want.setup.for_worker(feeds, specs, want.endpoints);
                    setup.upkeep.heartbeat = self.heartbeat;
                    setup.fragment_bytes = self.fragment_bytes;
                    changes.extend(running.bring_to(setup));
                }
            }
            self.running.push(running);
        }
        let restarts = core::mem::take(&mut self.restarts);
        if !before.is_empty() {
            changes.push((EpochChange::Lanes, "lanes".to_owned()));
        }
        if restarts {
            self.forget_measurements();
            self.begin_epoch(EpochChange::Start, "new set-up".to_owned());
        } else if are_first && !changes.is_empty() {
            self.begin_epoch(EpochChange::Start, "page opened".to_owned());
        } else if let Some((change, label)) = changes.into_iter().min_by_key(|(change, _)| change.rank()) {
            self.begin_epoch(change, label);
        }
        restarts
    }

    /// Begins an epoch in all lanes, because their set-up or the network under them has changed.
    pub fn begin_epoch(&mut self, change: EpochChange, label: String) {
        let now = clock::now();
        let number = self.epochs.begin(change, label, now);
        self.running.iter_mut().for_each(|running| running.begin_epoch(number, now));
    }

    /// Returns the epoch that all statistics belong to.
    pub const fn epoch(&self) -> &Epoch {
        self.epochs.current()
    }

    /// Returns the epochs on the charts, oldest first, the current one last.
    pub fn epochs(&self) -> impl Iterator<Item = &Epoch> {
        self.epochs.iter()
    }

    /// Reopens all lanes with the next instruction, without any of their earlier state.
    pub fn reopen(&mut self) {
        self.running.iter_mut().for_each(|running| running.last_sent = None);
    }

    /// Discards all measurements with the next instruction, so that none from before it is left.
    pub const fn restart_with_next_instruction(&mut self) {
        self.restarts = true;
    }

    /// Discards all measurements.
    pub fn reset(&mut self) {
        self.forget_measurements();
        self.running.iter_mut().for_each(|running| running.model.columns.clear());
        self.begin_epoch(EpochChange::Start, "reset".to_owned());
    }

    fn forget_measurements(&mut self) {
        for running in &mut self.running {
            running.link.reset();
            running.model.clear();
            running.trace.begin();
        }
        self.measured_since = clock::now();
    }

    /// Sets the capacity of the emulated network.
    pub const fn set_room(&mut self, room: RelayRoom) {
        self.room = room;
    }

    /// Applies the server's report on the emulated network.
    pub fn take_lab_report(&mut self, report: NetworkReport) {
        let began_ms = clock::page_millis();
        let now = clock::now();
        for running in &mut self.running {
            let transport = running.mode_in_use().transport();
            let own = report
                .flows
                .iter()
                .filter(|flow| flow.lane.map(u32::from) == Some(running.id.0) && flow.transport == transport);
            let newest = own.max_by_key(|flow| flow.flow).filter(|_| !running.is_direct());
            running.model.link_stats.take(newest, self.room, report.at, now);
        }
        self.events.take(&report, now);
        self.out_since = report.is_out.then(|| self.out_since.unwrap_or(now));
        self.lab = Some(NetworkReport { flows: Vec::new(), ..report });
        self.meter.add(clock::page_millis() - began_ms);
    }

    /// Clears the state of the emulated network, because the server no longer reports it.
    pub fn forget_lab(&mut self) {
        self.running.iter_mut().for_each(|running| running.model.link_stats.clear());
        self.events.handle_lab_gone(clock::now());
        (self.lab, self.out_since) = (None, None);
    }

    /// Returns the last report on the emulated network, without its flows, and the beginning of an outage in
    /// progress.
    pub const fn lab(&self) -> (Option<&NetworkReport>, Option<Time>) {
        (self.lab.as_ref(), self.out_since)
    }

    /// Requests a certificate that nothing was lost from every worker.
    pub fn certify(&self) {
        self.running.iter().for_each(|running| running.link.send(Command::Certify));
    }

    /// Starts a flood of the server in every lane that has none in progress.
    pub fn flood(&self, style: FloodStyle, bytes: u64) {
        self.order(&Command::Flood { style, bytes });
    }

    /// Ends the floods as soon as the data handed over has come back.
    pub fn stop_flood(&self) {
        self.order(&Command::StopFlood);
    }

    fn order(&self, command: &Command) {
        for running in &self.running {
            running.link.send(command.clone());
        }
    }

    /// Notifies the workers that the network is back.
    pub fn online(&self) {
        for running in &self.running {
            running.link.send(Command::Online);
        }
    }

    fn started(&mut self, want: &Wanted, generation: u32) -> RunningLane {
        let (this, id) = (Weak::clone(&self.this), want.id);
        let link = WorkerLink::spawn(want.setup.mode.name(), move |arrival| {
            if let Some(engine) = this.upgrade() {
                engine.borrow_mut().take(id, generation, arrival);
            }
        });
        let mut model = LaneModel::new();
        if !link.has_worker() {
            model.connection = Connection::Failed {
                reason: "This browser starts no workers for the page, and a lane runs in one.".to_owned(),
            };
        }
        RunningLane {
            id,
            mode: want.setup.mode,
            path: want.path,
            series_style: want.series_style,
            name: want.name.clone(),
            model,
            trace: Trace::default(),
            link,
            flow_before: None,
            generation,
            last_sent: None,
        }
    }

    fn take(&mut self, id: LaneId, generation: u32, arrival: Arrival) {
        let began_ms = clock::page_millis();
        let Some(running) =
            self.running.iter_mut().find(|running| running.id == id && running.generation == generation)
        else {
            return;
        };
        match arrival {
            Arrival::Report(mut report) => {
                log_notes(&mut self.log, &running.name, &mut report);
                let epoch = self.epochs.current();
                running.model.apply(*report, epoch.number, epoch.began);
                running.look();
                if running.model.summary.consumed.messages > 0 && !self.has_data {
                    self.has_data = true;
                    clock::mark("first lane data");
                }
            }
            Arrival::BeforeReset(mut report) => {
                log_notes(&mut self.log, &running.name, &mut report);
                running.model.connection_timeline.extend(&report.connection_events);
                running.model.connection = report.connection;
            }
            Arrival::Broken(reason) => {
                self.log.add(clock::now(), Level::Error, Some(running.name.clone()), reason.clone());
                running.model.connection = Connection::Failed {
                    reason: format!("{reason} The other lanes go on; remove this lane and add it again."),
                };
            }
        }
        self.meter.add(clock::page_millis() - began_ms);
    }
}

fn log_notes(log: &mut Log, lane: &str, report: &mut Report) {
    for note in report.notes.drain(..) {
        log.add(note.at, note.level, Some(lane.to_owned()), note.text);
    }
}
