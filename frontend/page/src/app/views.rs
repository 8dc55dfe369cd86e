//! Page side of the lazily loaded views: sends them snapshots and executes their actions.
//!
//! The page opens at most one view at a time. An action runs in a task of its own, because the engine is
//! borrowed while the view is updated.

use leptos::prelude::*;
use leptos::task::spawn_local;
use sluice_bridge::{ConnectionEvent, Level};
use sluice_bridge::{
    ConnectionEventKind, LabInput, LabSettings, LaneInput, LaneSetup, NetworkSettings, OutageInput,
    PageSettings, ServerInput, TraceStep, View, ViewAction, ViewInput,
};
use sluice_browser::lazy::{LazyModule, LazyView};
use sluice_shared::link::Preset;
use wasm_bindgen::JsValue;
use web_sys::Element;

use crate::app::server::Server;
use crate::app::state::App;
use crate::engine::driver::Engine;
use crate::engine::lane::{Lane, set_if_new};
use crate::engine::running_lane::RunningLane;
use crate::features::network::model::NetworkSetup;
use crate::features::network::state::LabState;
use crate::url::route::Route;
use crate::url::setup::PageSetup;
use crate::url::share::query_from_setup;
use crate::url::view_query::ViewQuery;

/// The open lazily loaded view and the state common to all of them.
#[derive(Clone, Copy, Debug)]
pub struct LazyViews {
    shown: StoredValue<Option<(View, LazyView)>, LocalStorage>,
    /// Query parameters of the views.
    pub(crate) query: RwSignal<ViewQuery>,
}

impl LazyViews {
    /// Returns the state without an open view; `query` is that of the page's URL.
    pub(crate) fn new(query: &str) -> Self {
        Self { shown: StoredValue::new_local(None), query: RwSignal::new(ViewQuery::from_query(query)) }
    }

    /// Shows a view in `host`.
    ///
    /// # Errors
    /// The module has another version than the page.
    pub(crate) fn open(
        self,
        app: App,
        view: View,
        module: LazyModule,
        host: &Element,
    ) -> Result<(), JsValue> {
        let input = app.view_input(view, &app.engine().borrow());
        // Deferred: a view may act while it is being updated, when the engine is borrowed.
        let act = move |action| {
            spawn_local(async move {
                app.act(view, action);
                self.update(app, &app.engine().borrow());
            });
        };
        let shown = module.open(host, &input, act)?;
        self.shown.set_value(Some((view, shown)));
        Ok(())
    }

    /// Removes the open view.
    pub(crate) fn close(self) {
        self.shown.set_value(None);
    }

    /// Sends the open view a snapshot, if anything has changed.
    pub(crate) fn update(self, app: App, engine: &Engine) {
        self.shown.update_value(|shown| {
            if let Some((view, shown)) = shown {
                shown.update(&app.view_input(*view, engine));
            }
        });
    }
}

impl App {
    /// Returns a snapshot of the page for `view`.
    fn view_input(self, view: View, engine: &Engine) -> ViewInput {
        let setup = untrack(|| self.setup());
        let server = self.server.with_untracked(|server| match server {
            Server::Ready(server) => Some(ServerInput {
                version: server.version.clone(),
                has_webtransport: server.has_quic,
                offered: server.offered,
                endpoints: server.endpoints.clone(),
            }),
            Server::Asking | Server::Unreachable { .. } => None,
        });
        let lab = self.network.lab.with_untracked(|lab| match lab {
            LabState::Asking => LabInput::Pending,
            LabState::Missing(reason) => LabInput::Missing(reason.clone()),
            LabState::Ready(lab) => LabInput::Ready(LabSettings {
                id: lab.id.clone(),
                knobs: lab.knobs,
                tcp: lab.tcp,
                ports: lab.ports,
            }),
        });
        let NetworkSetup { preset, change, seed } = setup.network;
        let lanes = self.lanes.get_untracked();
        ViewInput {
            view,
            query: self.views.query.with_untracked(|query| query.of(view)),
            setup_query: query_from_setup(&setup) + &self.route.get_untracked().query_part(),
            server,
            lab,
            network: NetworkSettings::new(preset.name(), &change, seed),
            feeds: setup.feeds,
            heartbeat: setup.heartbeat,
            fragment_bytes: self.fragment_bytes.get_untracked(),
            lane_setups: setup.lanes,
            lanes: engine.lanes().filter_map(|running| lane_input(&lanes, running, view)).collect(),
            marked: self.marked.get_untracked(),
            look_revision: self.frames().look_revision(),
            measured_since: engine.measured_since,
            outages: if view == View::Story { outages(engine) } else { Vec::new() },
            cpu: cpu(engine),
            log: if view == View::Log { engine.log.newest_first() } else { Vec::new() },
        }
    }

    /// Executes a view's action.
    fn act(self, view: View, action: ViewAction) {
        match action {
            ViewAction::Open(view) => self.open_route(Route::of(view)),
            ViewAction::Mark(at) => self.mark(at),
            ViewAction::SetNetwork(settings) => self.set_network(&settings),
            ViewAction::Happen(event) => self.network.happen(self, event.into()),
            ViewAction::SetFeeds(feeds) => set_if_new(self.feeds, feeds),
            ViewAction::SetHeartbeat(heartbeat) => set_if_new(self.heartbeat, heartbeat.within_range()),
            ViewAction::SetFragmentBytes(bytes) => set_if_new(self.fragment_bytes, bytes),
            ViewAction::SetLane { id, setup } => {
                if let Some(lane) = self.lanes.get_untracked().iter().find(|lane| lane.id.0 == id) {
                    lane.set(setup);
                }
            }
            ViewAction::SetLanes(setups) => self.set_lanes(&setups),
            ViewAction::Begin(settings) => {
                if let Some(setup) = self.page_setup(*settings) {
                    self.begin_story(&setup);
                }
            }
            ViewAction::Apply { settings, reopens } => {
                if let Some(setup) = self.page_setup(*settings) {
                    self.begin(&setup);
                    if reopens {
                        self.engine().borrow_mut().reopen();
                    }
                }
            }
            ViewAction::Navigate(parts) => {
                self.views.query.update(|query| query.set(view, &parts));
                self.push_history();
            }
            ViewAction::OpenLab => self.open_route(Route::Lab),
            ViewAction::OpenStories => self.open_route(Route::Stories),
            ViewAction::Certify => self.engine().borrow().certify(),
            ViewAction::Flood { style, bytes } => self.engine().borrow().flood(style, bytes),
            ViewAction::StopFlood => self.engine().borrow().stop_flood(),
            ViewAction::SetQuery(parts) => self.views.query.update(|query| query.set(view, &parts)),
            ViewAction::Note { level, text } => self.note(level, text),
        }
    }

    fn set_network(self, settings: &NetworkSettings) {
        if let Some(setup) = self.network_setup(settings) {
            set_if_new(self.network.wanted, setup);
        }
    }

    fn network_setup(self, settings: &NetworkSettings) -> Option<NetworkSetup> {
        match settings.preset.parse::<Preset>() {
            Ok(preset) => Some(NetworkSetup { preset, change: settings.change(), seed: settings.seed }),
            Err(error) => {
                self.note(Level::Error, ["A view asked for ", &error.to_string(), "."].concat());
                None
            }
        }
    }

    fn page_setup(self, settings: PageSettings) -> Option<PageSetup> {
        let network = self.network_setup(&settings.network)?;
        let PageSettings { lanes, feeds, heartbeat, .. } = settings;
        Some(PageSetup { lanes, feeds, network, heartbeat: heartbeat.within_range() })
    }

    /// Replaces the settings of all lanes. Existing lanes are kept as far as they are needed.
    pub(crate) fn set_lanes(self, setups: &[LaneSetup]) {
        let lanes = self.lanes.get_untracked();
        for lane in lanes.iter().skip(setups.len().max(1)) {
            self.remove_lane(lane.id);
        }
        for (at, setup) in setups.iter().enumerate() {
            match lanes.get(at) {
                Some(lane) => lane.set(*setup),
                None => self.add_lane(*setup),
            }
        }
    }
}

/// Returns the newest outages, oldest first.
fn outages(engine: &Engine) -> Vec<OutageInput> {
    let outages = engine.events.outages_since(sluice_shared::time::Time::ZERO);
    outages.map(|outage| OutageInput { from: outage.from, until: outage.until }).collect()
}

/// Returns the newest measured load of all cores.
fn cpu(engine: &Engine) -> Option<f32> {
    let readings = engine.lanes().filter_map(|running| running.model.host.back());
    readings.max_by_key(|reading| reading.produced_at).map(|reading| reading.sample.cpu)
}

/// Returns a snapshot of one lane; `None` if it has just been removed.
fn lane_input(lanes: &[Lane], running: &RunningLane, view: View) -> Option<LaneInput> {
    let lane = lanes.iter().find(|lane| lane.id == running.id)?;
    let model = &running.model;
    let step = |step: &crate::features::trace::model::Step| TraceStep {
        id: step.kind.id().to_owned(),
        stage: step.kind.place().to_owned(),
        is_harm: step.kind.is_harm(),
        is_earlier: step.is_earlier,
        at: step.at,
        text: step.text.clone(),
    };
    let is_heartbeat = |event: &&ConnectionEvent| {
        matches!(
            event.kind,
            ConnectionEventKind::Ping | ConnectionEventKind::Pong { .. } | ConnectionEventKind::Missed
        )
    };
    let events = model.connection_timeline.events().rev().filter(|event| !is_heartbeat(event)).copied();
    let mut timeline: Vec<ConnectionEvent> = events.take(LaneInput::MAX_EVENTS).collect();
    timeline.reverse();
    Some(LaneInput {
        id: running.id.0,
        name: running.name.clone(),
        colour: running.series_style.token(),
        setup: untrack(|| lane.setup()),
        mode_in_use: running.mode_in_use(),
        connection: model.connection.clone(),
        reported_at: model.reported_at,
        summary: model.summary.clone(),
        long_gaps: model.long_gaps.iter().copied().collect(),
        timeline,
        trace: running.trace.steps().iter().map(step).collect(),
        certificate: model.certificate.clone(),
        uncertified: model.uncertified,
        flow: model.link_stats.flow().cloned(),
        inbound: if view == View::Inbound { model.inbound.columns().copied().collect() } else { Vec::new() },
    })
}
