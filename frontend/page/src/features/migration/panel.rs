//! What is seen and done.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use sluice_shared::lab::{LabEvent, LabReport, LabRouting, Switch, SwitchReport};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Document, Element, Event};

use crate::features::frames::model::push_text;
use crate::features::migration::backends;
use crate::features::migration::chain;
use crate::features::migration::drawing;
use crate::features::migration::facts;
use crate::features::migration::lanes;
use crate::features::migration::lanes::PageLane;
use crate::features::migration::life::Stories;
use crate::features::migration::read;
use crate::features::migration::scale::Extent;
use crate::features::migration::series::Series;
use crate::features::migration::skeleton;
use crate::features::migration::spoof;
use crate::features::migration::survival::Survival;
use crate::features::migration::survival_chart;
use sluice_browser::api;
use sluice_browser::clock;
use sluice_browser::dom::Board;
use sluice_browser::lab_watch::LabWatch;
use sluice_browser::lab_watch::Sight;

/// How often it is looked whether the panel is in sight and its lab the page's, ms.
const LOOK_MILLIS: i32 = 500;
/// Reports between two looks at what changes all the time: counters and lanes.
const REPORTS_PER_LOOK: u32 = 3;
/// What the drawing is wide before it is in the page, CSS pixels.
const WIDTH: f64 = 900.0;

/// What is said where nothing can be done.
pub(crate) const NO_LAB: &str = "The page has no emulated network, so there is nothing to change.";

thread_local! {
    static SHOWN: OnceCell<Shown> = const { OnceCell::new() };
}

/// Lives as long as the page, so that a panel that was left is found as it was.
struct Shown {
    lab: Rc<Lab>,
    _on_click: Closure<dyn Fn(Event)>,
}

/// The panel's element, which watches the page's lab while it is in the page.
pub(crate) fn root(document: &Document) -> Option<Element> {
    SHOWN.with(|shown| {
        let root = document.create_element("div").ok()?;
        let shown = shown.get_or_init(|| Shown::new(document.clone(), root));
        shown.lab.follow();
        Some(shown.lab.root.clone())
    })
}

impl Shown {
    fn new(document: Document, root: Element) -> Self {
        root.set_class_name("lab migration");
        root.set_inner_html(&skeleton::html());
        let lab = Rc::new(Lab {
            document,
            board: RefCell::new(Board::new(root.clone())),
            root,
            lab: RefCell::default(),
            watch: RefCell::default(),
            is_following: Cell::new(false),
            is_cut: Cell::new(false),
            report: RefCell::default(),
            reports: Cell::new(0),
            switch: Cell::default(),
            backends: Cell::new(LabEvent::MIN_BACKENDS),
            routing: Cell::new(None),
            chosen: Cell::new(None),
            extent: Cell::default(),
            series: RefCell::default(),
            stories: RefCell::default(),
            survival: RefCell::default(),
            is_series: Cell::new(false),
            is_busy: Cell::new(false),
        });
        let listening = Rc::clone(&lab);
        let on_click = Closure::<dyn Fn(Event)>::new(move |event: Event| listening.handle_click(&event));
        let added = lab.root.add_event_listener_with_callback("click", on_click.as_ref().unchecked_ref());
        debug_assert!(added.is_ok(), "an element takes listeners");
        lab.show_choices();
        Self { lab, _on_click: on_click }
    }
}

/// The panel, and what it knows.
pub(crate) struct Lab {
    pub(crate) document: Document,
    pub(crate) root: Element,
    pub(crate) board: RefCell<Board>,
    /// The lab that everything below is of.
    lab: RefCell<String>,
    /// What watches it, while the panel is in the page.
    watch: RefCell<Option<LabWatch>>,
    pub(crate) is_following: Cell<bool>,
    /// The watch has ended and is to be opened anew.
    pub(crate) is_cut: Cell<bool>,
    pub(crate) report: RefCell<Option<LabReport>>,
    pub(crate) reports: Cell<u32>,
    pub(crate) switch: Cell<Switch>,
    pub(crate) backends: Cell<u8>,
    /// What the balancer was told last; reports tell of it a little later.
    pub(crate) routing: Cell<Option<LabRouting>>,
    /// The change that is drawn; `None` for the last one.
    pub(crate) chosen: Cell<Option<u64>>,
    pub(crate) extent: Cell<Extent>,
    pub(crate) series: RefCell<Option<Series>>,
    /// What the lanes said of each change.
    stories: RefCell<Stories>,
    pub(crate) survival: RefCell<Survival>,
    /// A series of tunnels runs, and was not stopped.
    pub(crate) is_series: Cell<bool>,
    /// A tunnel, or ten changes, run.
    pub(crate) is_busy: Cell<bool>,
}

impl Lab {
    /// Watches the page's lab for as long as the panel is in the page.
    fn follow(self: &Rc<Self>) {
        if self.is_following.replace(true) {
            return;
        }
        let lab = Rc::clone(self);
        spawn_local(async move {
            // The element is put into the page by who asked for it.
            clock::sleep_millis(0).await;
            while lab.root.is_connected() {
                lab.watch();
                clock::sleep_millis(LOOK_MILLIS).await;
            }
            lab.watch.replace(None);
            lab.is_following.set(false);
        });
    }

    /// Opens the watch, unless that of the page's lab is open.
    fn watch(self: &Rc<Self>) {
        let id = self.id();
        let is_same = *self.lab.borrow() == id;
        if is_same && self.watch.borrow().is_some() && !self.is_cut.get() {
            return;
        }
        self.is_cut.set(false);
        self.watch.replace(None);
        if !is_same {
            self.lab.replace(id.clone());
            self.forget();
        }
        if id.is_empty() {
            return self.say(NO_LAB, "refused");
        }
        let lab = Rc::clone(self);
        let seen = move |sight| match sight {
            Sight::Report(report) => lab.take(*report),
            Sight::Cut | Sight::Unreadable(_) => {}
            // Not here: this call comes from what is to be dropped.
            Sight::Gone => lab.is_cut.set(true),
        };
        let watch = LabWatch::of(&api::watch_url(&id), read::report, seen);
        self.watch.replace(Some(watch));
    }

    /// Forgets what another lab has told: its numbers are not this one's, nor is what is in force there.
    fn forget(&self) {
        self.report.take();
        self.stories.take();
        self.survival.take();
        self.series.take();
        self.routing.set(None);
        self.chosen.set(None);
        self.is_series.set(false);
        let cards = ["switch-card", "spoof-card", "balancer-card", "survival-card", "series-card"];
        for card in cards {
            self.set(&["[data-part=", card, "]"].concat(), "data-state", state(false));
        }
        if self.is_busy.get() {
            self.say("Not finished: another network has taken this one's place.", "refused");
        } else {
            self.say("", "done");
        }
    }

    /// The page's lab; empty when it has none.
    pub(crate) fn id(&self) -> String {
        let host = self.root.closest("[data-lab]").ok().flatten();
        host.and_then(|host| host.get_attribute("data-lab")).unwrap_or_default()
    }

    fn take(&self, report: LabReport) {
        if let Some(series) = self.series.borrow_mut().as_mut() {
            series.take(&report);
        }
        self.survival.borrow_mut().take(&report);
        let reports = self.reports.get();
        self.reports.set(reports.wrapping_add(1));
        self.report.replace(Some(report));
        self.show_switch();
        if reports.is_multiple_of(REPORTS_PER_LOOK) {
            self.show_counters();
        }
    }

    pub(crate) fn routing(&self) -> LabRouting {
        use sluice_shared::scenario::Routing;
        let routing =
            self.report.borrow().as_ref().and_then(|report| Some(report.balancer.as_ref()?.routing));
        match routing {
            None => LabRouting::Off,
            Some(Routing::Address) => LabRouting::Address,
            Some(Routing::ConnectionId) => LabRouting::ConnectionId,
        }
    }

    pub(crate) fn show_choices(&self) {
        let switch = self.switch.get();
        self.press("address", switch.address.name());
        self.press("tcp", switch.tcp.name());
        self.press("extent", self.extent.get().name());
        self.press("backends", &self.backends.get().to_string());
    }

    /// What is in force, what each backend got, and how the lanes are.
    pub(crate) fn show_counters(&self) {
        let report = self.report.borrow();
        let Some(report) = report.as_ref() else { return };
        self.press("routing", self.routing().name());
        self.press("migration", if report.is_migration_off { "forbidden" } else { "allowed" });
        let lanes = lanes::read(&self.document);
        self.fill("[data-part=lanes]", lanes::html(&lanes));
        self.set("[data-part=spoof-card]", "data-state", state(!report.spoofs.is_empty()));
        if let Some(last) = report.spoofs.last() {
            self.fill("[data-part=spoofed]", spoof::html(last, &lanes));
        }
        self.set("[data-part=balancer-card]", "data-state", state(report.balancer.is_some()));
        if let Some(balancer) = &report.balancer {
            self.fill("[data-part=balancer]", backends::html(balancer, &lanes));
        }
        for index in 0..LabEvent::MAX_BACKENDS {
            let backend = report.balancer.as_ref().and_then(|told| told.backends.get(usize::from(index)));
            let button = ["[data-act=backend][data-arg=\"", &index.to_string(), "\"]"].concat();
            self.set(&button, "data-state", state(backend.is_some()));
            let is_up = backend.is_some_and(|backend| backend.is_up);
            self.set(&button, "aria-pressed", if is_up { "true" } else { "false" });
            let has_process = backend.is_some_and(|backend| backend.process.is_some());
            let kill = ["[data-act=kill][data-arg=\"", &index.to_string(), "\"]"].concat();
            self.set(&kill, "data-state", state(has_process));
        }
        self.show_survival(&lanes);
        let series = self.series.borrow();
        self.set("[data-part=series-card]", "data-state", state(series.is_some()));
        if let Some(series) = series.as_ref() {
            self.fill("[data-part=series]", series.html(&lanes));
            self.set("[data-part=series]", "data-value", &series.made.to_string());
        }
    }

    fn show_survival(&self, lanes: &[PageLane]) {
        let survival = self.survival.borrow();
        self.set("[data-part=survival-card]", "data-state", state(!survival.is_empty()));
        self.set("[data-part=lanes-link]", "href", &self.lanes_link());
        if survival.is_empty() {
            return;
        }
        let chart = survival_chart::svg(&survival.rows(), self.width_of("[data-part=survival]"));
        self.fill("[data-part=survival]", chart);
        self.fill("[data-part=survival-table]", survival.table(lanes));
    }

    /// What a part is wide, CSS pixels.
    fn width_of(&self, selector: &str) -> f64 {
        let place = self.root.query_selector(selector).ok().flatten();
        place.map_or(WIDTH, |place| f64::from(place.client_width()).max(300.0))
    }

    /// The change that is chosen, drawn and in numbers.
    pub(crate) fn show_switch(&self) {
        let report = self.report.borrow();
        let switches = report.as_ref().map_or(&[][..], |report| &report.switches);
        let chosen = self.chosen.get().and_then(|number| switches.iter().find(|told| told.number == number));
        let chosen = chosen.or_else(|| switches.last());
        self.set("[data-part=switch-card]", "data-state", state(chosen.is_some()));
        let Some(switch) = chosen else { return };
        let (switch, left_out) = &chain::resolved_switch(switch, switches);
        self.fill("[data-part=numbers]", numbers_html(switches, switch.number));
        let lanes = lanes::read(&self.document);
        let mut stories = self.stories.borrow_mut();
        if let Some(report) = report.as_ref() {
            stories.take(report, &lanes);
        }
        let stories: Vec<_> = switch.paths.iter().map(|path| stories.of(switch, path)).collect();
        let titles: Vec<String> = switch.paths.iter().map(|path| facts::title(path, &lanes)).collect();
        let width = self.width_of("[data-part=drawing]");
        self.fill("[data-part=drawing]", drawing::svg(switch, &titles, &stories, self.extent.get(), width));
        self.set("[data-part=drawing]", "data-value", &switch.number.to_string());
        self.fill("[data-part=facts]", facts::html(switch, &lanes, &stories));
        let mut problem = String::new();
        push_text(&mut problem, switch.problem.as_deref().unwrap_or_default());
        if *left_out > 0 {
            problem.extend([
                " ",
                &*left_out.to_string(),
                " more that the lanes had left before are not shown.",
            ]);
        }
        self.fill("[data-part=problem]", problem);
    }

    /// What the button of the series does next.
    pub(crate) fn show_series(&self) {
        let is_running = self.is_series.get();
        self.fill("[data-act=tunnels]", if is_running { "Stop" } else { skeleton::SERIES }.to_owned());
        self.set("[data-act=tunnels]", "aria-disabled", if is_running { "false" } else { "true" });
    }

    pub(crate) fn show_busy(&self) {
        let is_busy = if self.is_busy.get() { "true" } else { "false" };
        for button in ["[data-act=ten]", "[data-act=tunnel]", "[data-act=tunnels]"] {
            self.set(button, "aria-disabled", is_busy);
        }
    }

    /// Marks the button of a choice that is in force.
    fn press(&self, act: &str, arg: &str) {
        let others = ["[data-act=", act, "][aria-pressed=true]:not([data-arg=\"", arg, "\"])"].concat();
        self.set(&others, "aria-pressed", "false");
        self.set(&["[data-act=", act, "][data-arg=\"", arg, "\"]"].concat(), "aria-pressed", "true");
    }

    fn fill(&self, selector: &'static str, html: String) {
        self.board.borrow_mut().fill(selector, html);
    }

    fn set(&self, selector: &str, attribute: &str, value: &str) {
        self.board.borrow().set(selector, attribute, value);
    }

    pub(crate) fn say(&self, text: &str, state: &str) {
        let mut html = String::new();
        push_text(&mut html, text);
        self.fill("[data-part=status]", html);
        self.set("[data-part=status]", "data-value", state);
    }
}

const fn state(has_any: bool) -> &'static str {
    if has_any { "ready" } else { "empty" }
}

/// A button for each change that the server remembers.
fn numbers_html(switches: &[SwitchReport], shown: u64) -> String {
    let button = |switch: &SwitchReport| {
        let number = switch.number.to_string();
        let pressed = if switch.number == shown { "true" } else { "false" };
        let what = [switch.address.name(), ", TCP ", switch.tcp.name()].concat();
        [
            "<button type=button data-act=number data-arg=",
            &number,
            " data-testid=switched-",
            &number,
            " aria-pressed=",
            pressed,
            " title=\"another ",
            &what,
            "\">",
            &(switch.number + 1).to_string(),
            "</button>",
        ]
        .concat()
    };
    switches.iter().map(button).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::samples;

    #[test]
    fn changes_are_counted_from_one() {
        let html = numbers_html(&[samples::switch()], 3);
        assert!(
            html.contains("data-arg=3") && html.contains("aria-pressed=true") && html.contains(">4</button>"),
            "{html}"
        );
    }
}
