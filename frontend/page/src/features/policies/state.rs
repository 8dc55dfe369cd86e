//! State of the policy race: runs all policies one after the other, each in its own worker. Used by the
//! policies view; a race continues when the view is left, and only one runs at a time.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use leptos::prelude::*;
use leptos::task::spawn_local;
use sluice_bridge::{Command, LabInput, LaneSetup, Report, Setup, ViewInput};
use sluice_browser::worker_link::{Arrival, WorkerLink};
use sluice_browser::{clock, window};

use crate::app::server::endpoints_of;
use crate::engine::lane::LaneId;
use crate::features::policies::model::{CONNECT, Entry, RUN, Standing, feed, ready_since, runner};

/// Lane number sent to the emulated network; no lane of the page uses it.
const LANE: LaneId = LaneId(999);
/// Interval between two reports, milliseconds.
const POLL_MILLIS: i32 = 100;

thread_local! {
    static SHARED: OnceCell<&'static Race> = const { OnceCell::new() };
}

/// State of the race. Its signals are reference-counted and not bound to the mounted view: the race continues
/// when the view is left.
#[derive(Debug, Default)]
pub struct Race {
    /// Policies in the order in which they run; empty before the first race.
    pub entries: ArcRwSignal<Vec<Entry>>,
    /// True while the race is running.
    pub is_running: ArcRwSignal<bool>,
    /// Reason why no race can start.
    pub obstacle: ArcRwSignal<Option<&'static str>>,
    /// True if a race was requested that has not begun.
    is_requested: AtomicBool,
}

impl Race {
    /// Returns the page's single instance, created on first use and kept until the page closes.
    pub fn shared() -> &'static Self {
        SHARED.with(|shared| *shared.get_or_init(|| Box::leak(Box::default())))
    }

    /// Requests a race for when the view is open.
    pub fn request(&self) {
        self.is_requested.store(true, Ordering::Relaxed);
    }

    /// Begins a race if one was requested. A request that comes before the server's description waits for it.
    pub fn follow_request(&'static self, input: &ViewInput) {
        if self.is_requested.load(Ordering::Relaxed) && self.start(input) {
            self.is_requested.store(false, Ordering::Relaxed);
        }
    }

    /// Starts a race with the page's set-up unless one is running. Returns false if there is an obstacle.
    pub fn start(&'static self, input: &ViewInput) -> bool {
        if self.is_running.get_untracked() {
            return true;
        }
        let setups = setups(input);
        self.obstacle.set(match setups {
            Some(_) => None,
            None => Some("The server is not there yet, or the page has no lane."),
        });
        let Some(setups) = setups else { return false };
        self.is_running.set(true);
        self.entries.set(Entry::all());
        spawn_local(async move {
            for (at, setup) in setups.into_iter().enumerate() {
                self.run(setup, at).await;
            }
            self.is_running.set(false);
        });
        true
    }

    /// Runs one policy in its own worker, which is terminated afterwards.
    async fn run(&'static self, setup: Setup, at: usize) {
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
            clock::sleep_millis(POLL_MILLIS).await;
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

    fn change(&self, at: usize, change: impl FnOnce(&mut Entry) -> bool) -> bool {
        self.entries.try_update(|entries| entries.get_mut(at).is_none_or(change)).unwrap_or(true)
    }
}

/// Returns the set-up of each entry's lane; `None` if there is no lane, or while the server or its lab is
/// unknown.
fn setups(input: &ViewInput) -> Option<Vec<Setup>> {
    let server = input.server.as_ref()?;
    let ports = match &input.lab {
        LabInput::Pending => return None,
        LabInput::Ready(lab) => Some(lab.ports),
        LabInput::Missing(_) => None,
    };
    let lane = runner(Some(input.lanes.first()?.setup));
    let feeds = feed(input.feeds).fitted(server.offered);
    let specs = feeds.specs(server.offered);
    let endpoints = endpoints_of(&server.endpoints, &window::page_address(), LANE, &lane, ports);
    let setup = |entry: Entry| {
        LaneSetup { policy: entry.policy, ..lane }.for_worker(&feeds, &specs, endpoints.clone())
    };
    Some(Entry::all().into_iter().map(setup).collect())
}
