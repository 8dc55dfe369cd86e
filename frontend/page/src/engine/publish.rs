//! Publication, four times a second: settings go to the engine, and its results to the signals.
//!
//! Called once per frame. Lanes take turns, at most one per frame, to keep frames short.

use std::time::Duration;

use leptos::prelude::*;
use sluice_shared::mode::Mode;
use sluice_shared::time::{Time, micros};

use crate::app::server::Server;
use crate::app::state::App;
use crate::charts::series::series_styles;
use crate::engine::driver::Engine;
use crate::engine::epochs::EpochView;
use crate::engine::lane::LaneView;
use crate::engine::lane::set_if_new;
use crate::engine::running_lane::Wanted;
use crate::engine::verdict_input::{Surroundings, verdict_snapshot};
use crate::features::lanes::fairness_facts;
use crate::features::lanes::fairness_facts::NetworkPath;
use crate::features::network::state::LabState;
use crate::features::network::stats::RelayRoom;
use crate::labels::short_names;
use crate::verdict::findings;
use sluice_browser::clock;
use sluice_browser::window;

/// Publication interval of a lane, microseconds.
const PERIOD_MICROS: u64 = 250_000;

/// Publication schedule: the next turn and its time.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    turn: usize,
    due: Option<Time>,
}

impl Schedule {
    /// Takes the turn that is due at `now`: one per lane, and one for what concerns all. Returns whether one
    /// was due.
    pub(crate) fn run(&mut self, app: App, engine: &mut Engine, now: Time) -> bool {
        if self.due.is_some_and(|due| now < due) {
            return false;
        }
        let turns = engine.lanes().count() + 1;
        self.due = Some(now + Duration::from_micros(PERIOD_MICROS / turns as u64));
        self.turn = if self.turn + 1 < turns { self.turn + 1 } else { 0 };
        match self.turn {
            0 => {
                instruct(app, engine);
                publish_all(app, engine, now);
            }
            turn => publish_lane(app, engine, turn - 1, now),
        }
        true
    }
}

/// Instructs the workers.
fn instruct(app: App, engine: &mut Engine) {
    engine.set_view(app.axis.get_untracked(), app.metric.get_untracked());
    let setup = untrack(|| app.setup());
    engine.set_heartbeat(setup.heartbeat);
    engine.set_fragments(app.fragment_bytes.get_untracked());
    remember(app, &app.query());
    let Server::Ready(server) = app.server.get_untracked() else { return };
    app.network.tell(app);
    // Lanes start once it is known whether a lab is available.
    let emulated = match app.network.lab.get_untracked() {
        LabState::Asking => return,
        LabState::Ready(lab) => {
            engine.set_room(RelayRoom::of(&lab.knobs));
            Some((lab.ports, lab.tcp))
        }
        LabState::Missing(_) => None,
    };
    let modes: Vec<Mode> = setup.lanes.iter().map(|lane| lane.mode).collect();
    let wanted = app
        .lanes
        .get_untracked()
        .iter()
        .zip(&setup.lanes)
        .zip(series_styles(&modes).into_iter().zip(short_names(&modes)))
        .map(|((lane, setup), (series_style, name))| Wanted {
            id: lane.id,
            setup: *setup,
            endpoints: server.endpoints_of(lane.id, setup, emulated.map(|(ports, _)| ports)),
            path: match emulated {
                Some((_, tcp)) if !setup.is_direct => NetworkPath::Emulated(tcp),
                Some(_) | None => NetworkPath::Direct,
            },
            series_style,
            name,
            obstacle: app.browser.obstacle(setup.mode, server.has_quic).filter(|_| !setup.has_fallback()),
        })
        .collect();
    let specs = setup.feeds.specs(server.offered);
    if engine.bring_to(wanted, &setup.feeds, &specs) {
        forget(app);
    }
}

/// Publishes the state of the lane at a position from the top.
fn publish_lane(app: App, engine: &Engine, position: usize, now: Time) {
    let known: Vec<_> = engine
        .lanes()
        .map(|running| (running.mode_in_use(), running.model.summary.facts.clone(), running.path))
        .collect();
    let Some((running, facts)) = engine.lanes().zip(fairness_facts::fairness(&known)).nth(position) else {
        return;
    };
    let model = &running.model;
    let view = LaneView {
        connection: model.connection.clone(),
        summary: model.summary.clone(),
        facts,
        host_staleness: model.host_staleness(now),
        host: model.host.back().map(|reading| reading.sample),
        relay: *model.link_stats.hops(),
        network: model.link_stats.network(),
    };
    if let Some(lane) = app.lanes.get_untracked().iter().find(|lane| lane.id == running.id) {
        set_if_new(lane.view, view);
        set_if_new(lane.mode_in_use, running.mode_in_use());
    }
}

/// Publishes what concerns all lanes.
fn publish_all(app: App, engine: &mut Engine, now: Time) {
    let are_started = engine.lanes().next().is_some() || app.lanes.with_untracked(Vec::is_empty);
    let found = if are_started {
        let outlook = app.network.outlook.get_untracked();
        let has_lab = app.network.lab.with_untracked(|lab| matches!(lab, LabState::Ready(_)));
        let around = Surroundings {
            outage_left_secs: outlook.outage.and_then(|outage| outage.remaining_secs),
            is_udp_blocked: outlook.is_udp_blocked,
            emulator_load: has_lab.then_some(outlook.relay_load),
        };
        let found = findings(&verdict_snapshot(engine, around, now));
        let epoch = engine.epoch().number;
        engine.verdict.update(found, epoch, now)
    } else {
        Vec::new()
    };
    set_if_new(app.findings, found);
    set_if_new(app.epoch, EpochView::of(engine.epoch(), now));
    set_if_new(app.elapsed_secs, micros(now.since(engine.measured_since)) / 1_000_000);
    app.network.publish(engine, now);
    app.views.update(app, engine);
    let cost = engine.meter.read(clock::page_millis());
    set_if_new(app.frame_cost, cost);
}

/// Clears the published measurements of all lanes.
pub(crate) fn forget(app: App) {
    for lane in app.lanes.get_untracked() {
        lane.view.update(LaneView::forget);
    }
    app.elapsed_secs.set(0);
}

/// Stores the set-up in the page's URL.
fn remember(app: App, query: &str) {
    let known = app.remembered_query.with_value(|known| known == query);
    if !known && window::replace_query(query) {
        app.remembered_query.set_value(query.to_owned());
    }
}
