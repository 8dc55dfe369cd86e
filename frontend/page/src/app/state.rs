//! State shared by the page's components.
//!
//! [`App::start`] creates it once, from the page's URL; components receive it as a context. A lane's signals
//! belong to the page's reactive owner, so that they outlive the handler that adds the lane.

use leptos::prelude::*;
use sluice_shared::mode::Mode;
use sluice_shared::session::Heartbeat;
use sluice_shared::time::Time;

use crate::app::server;
use crate::app::server::Server;
use crate::app::theme::Theme;
use crate::app::views::LazyViews;
use crate::charts::frame_loop::FrameLoop;
use crate::charts::frame_loop::REDUCED_MOTION;
use crate::charts::scale::AgeAxis;
use crate::charts::series::SeriesStyle;
use crate::charts::series::series_styles;
use crate::engine::driver::Engine;
use crate::engine::driver::EngineHandle;
use crate::engine::epochs::EpochView;
use crate::engine::lane::Lane;
use crate::engine::lane::LaneId;
use crate::engine::lane::set_if_new;
use crate::engine::meter::FrameCost;
use crate::engine::publish;
use crate::features::host::model::HostMetric;
use crate::features::network::state::Network;
use crate::features::share::link::LinkExtras;
use crate::features::share::player;
use crate::features::share::state::Sharing;
use crate::labels::name_in_use;
use crate::labels::short_names;
use crate::stories::place::Place;
use crate::stories::text::{CARDS, StoryCard};
use crate::url::route::Route;
use crate::url::setup::FeedSetup;
use crate::url::setup::LaneSetup;
use crate::url::setup::PageSetup;
use crate::url::share::query_from_setup;
use crate::url::share::setup_from_query;
use crate::url::view_query::ViewQuery;
use crate::verdict::Finding;
use sluice_bridge::{Level, View};
use sluice_browser::clock;
use sluice_browser::support::Browser;
use sluice_browser::tips::Tips;
use sluice_browser::window;
use sluice_browser::window::Listener;

/// Element id of the main landmark.
pub(crate) const MAIN: &str = "content";

/// State that the page's components share: a set of handles, cheap to copy.
#[derive(Clone, Copy)]
pub struct App {
    /// The lanes, from the top.
    pub lanes: RwSignal<Vec<Lane>>,
    /// Feeds to which all lanes subscribe.
    pub feeds: RwSignal<FeedSetup>,
    /// Interval and timeout of the lanes' heartbeats.
    pub heartbeat: RwSignal<Heartbeat>,
    /// Maximum payload of a WebSocket frame from the server, bytes; 0 for whole messages.
    pub fragment_bytes: RwSignal<u32>,
    /// Network between the lanes and the server.
    pub network: Network,
    /// The server.
    pub server: RwSignal<Server>,
    /// Capabilities of this browser.
    pub browser: Browser,
    /// Notes about parts of the page's URL that could not be read.
    pub link_notes: RwSignal<Vec<String>>,
    /// Axis of the latency charts.
    pub axis: RwSignal<AgeAxis>,
    /// Metric shown in the host panel.
    pub metric: RwSignal<HostMetric>,
    /// Colour theme.
    pub theme: RwSignal<Theme>,
    /// Findings about the lanes, the most important first.
    pub findings: RwSignal<Vec<Finding>>,
    /// Route of the current view.
    pub route: RwSignal<Route>,
    /// Lazily loaded views.
    pub views: LazyViews,
    /// Time marked in the charts.
    pub marked: RwSignal<Option<Time>>,
    /// Saving and sharing.
    pub share: Sharing,
    /// Time of measurement, seconds.
    pub elapsed_secs: RwSignal<u64>,
    /// Epoch to which all statistics belong.
    pub epoch: RwSignal<EpochView>,
    /// The page's own frame cost.
    pub frame_cost: RwSignal<FrameCost>,
    pub(crate) remembered_query: StoredValue<String>,
    engine: StoredValue<EngineHandle, LocalStorage>,
    frames: StoredValue<FrameLoop, LocalStorage>,
    owner: StoredValue<Owner>,
    next_lane: StoredValue<u32>,
    /// The set-up before a story replaced it.
    setup_before: StoredValue<Option<PageSetup>>,
}

impl App {
    /// Reads the set-up from the page's URL and starts everything.
    pub fn start() -> Self {
        let (setup, mut notes) = setup_from_query(&window::query());
        let (extras, more_notes) = LinkExtras::from_query(&window::query());
        notes.extend(more_notes);
        let app = Self {
            lanes: RwSignal::new(Vec::new()),
            feeds: RwSignal::new(setup.feeds),
            heartbeat: RwSignal::new(setup.heartbeat),
            fragment_bytes: RwSignal::new(0),
            network: Network::new(setup.network),
            server: RwSignal::new(Server::Asking),
            browser: window::capabilities(),
            link_notes: RwSignal::new(notes.clone()),
            axis: RwSignal::new(AgeAxis::default()),
            metric: RwSignal::new(HostMetric::default()),
            theme: RwSignal::new(Theme::remembered()),
            findings: RwSignal::new(Vec::new()),
            route: RwSignal::new(Route::from_query(&window::query())),
            views: LazyViews::new(&window::query()),
            marked: RwSignal::new(None),
            share: Sharing::new(extras.plan.clone()),
            elapsed_secs: RwSignal::new(0),
            epoch: RwSignal::new(EpochView::default()),
            frame_cost: RwSignal::new(FrameCost::default()),
            remembered_query: StoredValue::new(String::new()),
            engine: StoredValue::new_local(Engine::new()),
            frames: StoredValue::new_local(FrameLoop::default()),
            owner: StoredValue::new(Owner::current().unwrap_or_default()),
            next_lane: StoredValue::new(0),
            setup_before: StoredValue::new(None),
        };
        for lane in setup.lanes {
            app.add_lane(lane);
        }
        app.apply_extras(&extras);
        for note in notes {
            app.note(Level::Warning, note);
        }
        app.run();
        app.listen();
        leptos::task::spawn_local(server::keep_informed(app, window::page_address()));
        app.network.start(app);
        player::start(app);
        app
    }

    /// Returns the engine, for painters.
    pub fn engine(&self) -> EngineHandle {
        self.engine.get_value()
    }

    /// Returns the frame loop, for painters.
    pub fn frames(&self) -> FrameLoop {
        self.frames.get_value()
    }

    /// Writes a line to the log on behalf of the page itself.
    pub(crate) fn note(&self, level: Level, text: String) {
        self.engine().borrow_mut().log.add(clock::now(), level, None, text);
    }

    /// Returns the whole set-up, tracked.
    pub fn setup(&self) -> PageSetup {
        PageSetup {
            lanes: self.lanes.get().iter().map(Lane::setup).collect(),
            feeds: self.feeds.get(),
            network: self.network.wanted.get(),
            heartbeat: self.heartbeat.get(),
        }
    }

    /// Applies a set-up with the current number of lanes, except that a link's lanes are all there.
    fn apply(&self, setup: &PageSetup) {
        self.set_lanes(&setup.lanes);
        set_if_new(self.feeds, setup.feeds);
        set_if_new(self.heartbeat, setup.heartbeat);
        set_if_new(self.network.wanted, setup.network);
    }

    /// Applies a set-up with the current number of lanes and restarts its measurement.
    pub fn begin(&self, setup: &PageSetup) {
        self.apply(setup);
        self.engine().borrow_mut().restart_with_next_instruction();
    }

    /// Begins a story's set-up: all lanes connect anew, so that nothing is left of what was before.
    pub(crate) fn begin_story(&self, setup: &PageSetup) {
        if self.setup_before.with_value(Option::is_none) {
            self.setup_before.set_value(Some(untrack(|| self.setup())));
        }
        self.begin(setup);
        self.network.restart();
        self.engine().borrow_mut().reopen();
    }

    /// Adds a lane at the bottom, unless there are [`PageSetup::MAX_LANES`] already.
    pub fn add_lane(&self, setup: LaneSetup) {
        if self.lanes.with_untracked(Vec::len) >= PageSetup::MAX_LANES {
            return;
        }
        let id = LaneId(self.next_lane.get_value());
        self.next_lane.set_value(id.0 + 1);
        // A lane outlives the handler that adds it: its signals belong to the page.
        let lane = self.owner.with_value(|owner| owner.with(|| Lane::new(id, setup)));
        self.lanes.update(|lanes| lanes.push(lane));
    }

    /// Removes a lane.
    pub fn remove_lane(&self, id: LaneId) {
        self.lanes.update(|lanes| lanes.retain(|lane| lane.id != id));
    }

    /// Opens a route and adds a history entry.
    pub fn open_route(&self, route: Route) {
        if self.route.get_untracked() == route {
            return;
        }
        self.leave_story(route);
        self.route.set(route);
        window::show_from_top(MAIN);
        self.push_history();
    }

    /// Opens the first step of a story.
    pub fn open_story(&self, card: &'static StoryCard) {
        self.views.query.update(|query| query.set(View::Story, &Place::first(card).query()));
        self.open_route(Route::Story);
    }

    /// Returns the story that is open, tracked.
    pub fn story(&self) -> Option<&'static StoryCard> {
        if self.route.get() != Route::Story {
            return None;
        }
        let place = self.views.query.with(|query| Place::from_query(&query.of(View::Story)))?;
        CARDS.iter().find(|card| card.id == place.story)
    }

    /// Returns whether verdict and timeline of the lanes are shown, tracked: a story about another instrument has its own.
    pub fn has_lanes(&self) -> bool {
        match self.story() {
            Some(card) => card.has_lanes,
            None => self.route.get().has_lanes(),
        }
    }

    /// Adds an entry for the present state to the browser's history.
    pub(crate) fn push_history(&self) {
        let query = self.query();
        if window::push_query(&query) {
            self.remembered_query.set_value(query);
        }
    }

    /// Returns to the set-up from before the story when the list of stories is opened; the lab keeps the story's.
    fn leave_story(&self, next: Route) {
        if next == Route::Story {
            return;
        }
        let before = self.setup_before.try_update_value(Option::take).flatten();
        if let Some(setup) = before.filter(|_| next == Route::Stories) {
            self.begin(&setup);
            self.network.begin_anew(*self);
            set_if_new(self.fragment_bytes, 0);
        }
    }

    /// Returns the query of the page's URL: set-up, route, link extras and the parameters of lazily loaded
    /// views.
    pub(crate) fn query(&self) -> String {
        self.query_with(&self.link_extras())
    }

    /// Returns the query of the page's URL with these extras.
    pub(crate) fn query_with(&self, extras: &LinkExtras) -> String {
        if self.route.get_untracked() == Route::Story {
            return "?".to_owned() + &self.views.query.with_untracked(|query| query.of(View::Story));
        }
        let views = self.views.query.with_untracked(ViewQuery::suffix);
        let setup = untrack(|| query_from_setup(&self.setup()));
        [setup, self.route.get_untracked().query_part(), extras.suffix(), views].concat()
    }

    /// Applies route and set-up from the URL after a step in the browser's history.
    fn follow_history(self) {
        let query = window::query();
        let route = Route::from_query(&query);
        self.leave_story(route);
        self.views.query.set(ViewQuery::from_query(&query));
        self.route.set(route);
        // A story's link has no set-up: its steps have.
        if route != Route::Story {
            self.apply(&setup_from_query(&query).0);
        }
        self.remembered_query.set_value(query);
    }

    /// Marks a time in the charts, or unmarks it if it is already marked.
    pub fn mark(&self, at: Time) {
        let marked = Some(at).filter(|_| self.marked.get_untracked() != Some(at));
        self.marked.set(marked);
        self.engine().borrow_mut().marked = marked;
    }

    /// Discards all measurements.
    pub fn reset(&self) {
        self.engine().borrow_mut().reset();
        publish::forget(*self);
    }

    /// Returns the lanes' modes, tracked.
    pub fn modes(&self) -> Vec<Mode> {
        self.lanes.get().iter().map(|lane| lane.mode.get()).collect()
    }

    /// Returns a lane's colour and dash, tracked.
    pub fn series_style(&self, id: LaneId) -> Option<SeriesStyle> {
        let at = self.position(id)?;
        series_styles(&self.modes()).get(at).copied()
    }

    /// Returns a lane's name in sentences, tracked.
    pub fn short_name(&self, id: LaneId) -> String {
        let lanes = self.lanes.get();
        let lane = lanes.iter().zip(short_names(&self.modes())).find(|(lane, _)| lane.id == id);
        lane.map(|(lane, name)| name_in_use(&name, lane.mode.get(), lane.mode_in_use.get()))
            .unwrap_or_default()
    }

    /// Returns a lane's index from the top, tracked.
    pub fn position(&self, id: LaneId) -> Option<usize> {
        self.lanes.get().iter().position(|lane| lane.id == id)
    }

    fn run(self) {
        let (engine, meter) = (self.engine(), self.engine());
        let mut schedule = publish::Schedule::default();
        self.frames().start(
            move |_| engine.borrow().begin_frame(),
            move |frame, cost_ms| {
                let began_ms = clock::page_millis();
                if !schedule.run(self, &mut meter.borrow_mut(), frame.now) {
                    return meter.borrow_mut().meter.end_frame(cost_ms);
                }
                // The components' updates are in the same queue, ahead of this task.
                let meter = std::rc::Rc::clone(&meter);
                leptos::task::spawn_local(async move {
                    let cost_ms = cost_ms + clock::page_millis() - began_ms;
                    meter.borrow_mut().meter.end_frame(cost_ms);
                });
            },
        );
    }

    /// Listens to history, network, colour and motion events until the page is closed.
    fn listen(self) {
        let (engine, colours, motion) = (self.engine(), self.frames(), self.frames());
        let network = self.network;
        let listeners: [Listener; 5] = [
            window::on_window_event("popstate", move || self.follow_history()),
            window::on_window_event("pagehide", move || network.leave()),
            window::on_window_event("online", move || engine.borrow().online()),
            window::on_media_change("(prefers-color-scheme: dark)", move || colours.invalidate_look()),
            window::on_media_change(REDUCED_MOTION, move || motion.invalidate_look()),
        ];
        let tips = StoredValue::new_local(Tips::start());
        let listeners = StoredValue::new_local(listeners);
        let frames = self.frames();
        Effect::new(move |_| {
            self.theme.get().show();
            frames.invalidate_look();
        });
        on_cleanup(move || {
            listeners.dispose();
            tips.dispose();
        });
    }
}
