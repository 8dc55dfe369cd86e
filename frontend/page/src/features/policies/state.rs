//! Runs all policies one after the other.

use std::cell::RefCell;
use std::rc::Rc;

use leptos::prelude::*;

use crate::app::server::Server;
use crate::app::state::App;
use crate::engine::lane::LaneId;
use crate::features::network::state::LabState;
use crate::features::policies::model::CONNECT;
use crate::features::policies::model::Entry;
use crate::features::policies::model::RUN;
use crate::features::policies::model::Standing;
use crate::features::policies::model::feed;
use crate::features::policies::model::ready_since;
use crate::features::policies::model::runner;
use crate::url::setup::LaneSetup;
use sluice_bridge::Command;
use sluice_bridge::Report;
use sluice_bridge::Setup;
use sluice_browser::clock;
use sluice_browser::worker_link::Arrival;
use sluice_browser::worker_link::WorkerLink;

/// What the race calls its lane to the emulated network: none of the page's own.
const LANE: LaneId = LaneId(999);
/// Time from one look to the next, milliseconds.
const LOOK_MILLIS: i32 = 100;

/// A race, whether it runs or not.
#[derive(Clone, Copy, Debug)]
pub struct Race {
    /// The policies, in the order in which they run; empty before the first race.
    pub entries: RwSignal<Vec<Entry>>,
    /// Whether it runs.
    pub is_running: RwSignal<bool>,
    /// Why there is none.
    pub obstacle: RwSignal<Option<&'static str>>,
}

impl Race {
    pub(crate) fn new() -> Self {
        Self {
            entries: RwSignal::new(Vec::new()),
            is_running: RwSignal::new(false),
            obstacle: RwSignal::new(None),
        }
    }

    /// Begins a race, unless one runs.
    pub fn start(self, app: App) {
        if self.is_running.get_untracked() {
            return;
        }
        self.is_running.set(true);
        self.entries.set(Entry::all());
        leptos::task::spawn_local(async move {
            for at in 0..self.entries.with_untracked(Vec::len) {
                let Some(setup) = self.setup_of(app, at) else {
                    self.obstacle.set(Some("The server is not there yet, or the page has no lane."));
                    break;
                };
                self.obstacle.set(None);
                self.run(setup, at).await;
            }
            self.is_running.set(false);
        });
    }

    fn setup_of(self, app: App, at: usize) -> Option<Setup> {
        let Server::Ready(server) = app.server.get_untracked() else { return None };
        let ports = match app.network.lab.get_untracked() {
            LabState::Asking => return None,
            LabState::Ready(lab) => Some(lab.ports),
            LabState::Missing(_) => None,
        };
        let first = untrack(|| app.lanes.get().first().map(crate::engine::lane::Lane::setup))?;
        let lane = runner(Some(first));
        let feeds = feed(app.feeds.get_untracked()).fitted(server.offered);
        let policy = self.entries.with_untracked(|entries| entries.get(at).map(|entry| entry.policy))?;
        let endpoints = server.endpoints_of(LANE, &lane, ports);
        Some(LaneSetup { policy, ..lane }.for_worker(&feeds, &feeds.specs(server.offered), endpoints))
    }

    /// Runs one policy in a worker of its own, which ends with it.
    async fn run(self, setup: Setup, at: usize) {
        let newest: Rc<RefCell<Option<Result<Report, String>>>> = Rc::default();
        let worker = WorkerLink::spawn("race", {
            let newest = Rc::clone(&newest);
            move |arrival| {
                let arrived = match arrival {
                    Arrival::Report(report) | Arrival::BeforeReset(report) => Ok(*report),
                    Arrival::Broken(reason) => Err(reason),
                };
                newest.replace(Some(arrived));
            }
        });
        worker.send(Command::Open(setup));
        self.change(at, |entry| {
            entry.standing = Standing::Runs;
            false
        });
        let began = clock::now();
        loop {
            worker.ask_for_report();
            clock::sleep_millis(LOOK_MILLIS).await;
            let arrived = newest.take();
            let is_over = match arrived {
                Some(Ok(report)) => {
                    let elapsed = ready_since(&report).map(|since| report.now.since(since));
                    let is_late = elapsed.is_none() && clock::now().since(began) > CONNECT + RUN;
                    let over =
                        self.change(at, |entry| entry.take(&report.connection, &report.summary, elapsed));
                    over || is_late
                }
                Some(Err(reason)) => self.change(at, |entry| {
                    entry.standing = Standing::Ended(reason);
                    true
                }),
                None => clock::now().since(began) > CONNECT + 2 * RUN,
            };
            if is_over {
                self.change(at, |entry| {
                    if entry.standing == Standing::Runs {
                        entry.standing =
                            Standing::Ended("It did not connect, or did not report, in time.".to_owned());
                    }
                    true
                });
                return;
            }
        }
    }

    fn change(self, at: usize, change: impl FnOnce(&mut Entry) -> bool) -> bool {
        self.entries.try_update(|entries| entries.get_mut(at).is_none_or(change)).unwrap_or(true)
    }
}
