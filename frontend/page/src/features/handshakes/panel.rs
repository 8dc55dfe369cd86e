//! What is seen and done.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use sluice_shared::handshake::{ClockKind, HandshakeReport, Probe, Stack};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Document, Element, Event, HtmlInputElement, KeyboardEvent, MouseEvent};

use crate::features::frames::model::push_text;
use crate::features::handshakes::ladder::Explanation;
use crate::features::handshakes::ladder::LadderView;
use crate::features::handshakes::proofs;
use crate::features::handshakes::read;
use crate::features::handshakes::results;
use crate::features::handshakes::settings;
use crate::features::handshakes::skeleton;
use crate::features::handshakes::words::pair_meaning;
use crate::features::handshakes::words::pair_title;
use crate::features::this_browser::measured::Measured;
use crate::features::this_browser::probing::Place;
use sluice_browser::api;
use sluice_browser::dom::Board;
use sluice_browser::window;
use sluice_browser::window::Listener;
use sluice_text::decimal::fixed;
use sluice_text::decimal::short;

const API: &str = "/api/handshakes";
/// Windows that have no room for two ladders beside each other.
const NARROW: &str = "(max-width: 700px)";
/// What stands in place of a packet's explanation.
const HOW_TO_WALK: &str = "Point at a packet, or press Tab and then the arrow keys, to see what is inside. Home and End lead \
                           to the first and the last one.";
/// What the panel listens to.
const EVENTS: [&str; 6] = ["click", "input", "keydown", "focusin", "pointermove", "pointerleave"];

thread_local! {
    static SHOWN: OnceCell<Shown> = const { OnceCell::new() };
}

/// Lives as long as the page, so that a panel that was left is found as it was.
struct Shown {
    lab: Rc<Lab>,
    _on_event: Closure<dyn Fn(Event)>,
    _narrow: Listener,
}

/// The panel's element.
pub(crate) fn root(document: &Document) -> Option<Element> {
    SHOWN.with(|shown| {
        let root = document.create_element("div").ok()?;
        Some(shown.get_or_init(|| Shown::new(root)).lab.root.clone())
    })
}

impl Shown {
    fn new(root: Element) -> Self {
        root.set_class_name("lab");
        root.set_inner_html(&skeleton::html());
        let lab = Rc::new(Lab {
            board: RefCell::new(Board::new(root.clone())),
            root,
            report: RefCell::default(),
            pair: Cell::new(Probe::Http2Cold),
            side: Cell::new(Stack::Tcp),
            ladder: RefCell::default(),
            asked: Cell::new(0),
            is_running: Cell::new(false),
            measured: RefCell::default(),
            is_measuring: Cell::new(false),
        });
        let listening = Rc::clone(&lab);
        // Not `FnMut`: moving the focus calls it again while it runs.
        let on_event = Closure::<dyn Fn(Event)>::new(move |event: Event| listening.handle_event(&event));
        for name in EVENTS {
            let added = lab.root.add_event_listener_with_callback(name, on_event.as_ref().unchecked_ref());
            debug_assert!(added.is_ok(), "an element takes listeners");
        }
        let resized = Rc::clone(&lab);
        let narrow = window::on_media_change(NARROW, move || resized.load_ladder());
        Self { lab, _on_event: on_event, _narrow: narrow }
    }
}

struct Lab {
    root: Element,
    board: RefCell<Board>,
    report: RefCell<Option<HandshakeReport>>,
    /// The pair whose ladder is shown, by its probe of TCP.
    pair: Cell<Probe>,
    /// Which of the two is shown where there is room for one.
    side: Cell<Stack>,
    ladder: RefCell<Option<LadderView>>,
    /// Ladders that were asked for: an answer counts if none was asked for after it.
    asked: Cell<u32>,
    is_running: Cell<bool>,
    measured: RefCell<Option<Measured>>,
    is_measuring: Cell<bool>,
}

impl Lab {
    fn handle_event(self: &Rc<Self>, event: &Event) {
        let Some(target) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else {
            return;
        };
        match event.type_().as_str() {
            "click" => self.handle_click(&target),
            "input" => self.handle_input(&target),
            "keydown" => self.handle_key(&target, event.unchecked_ref()),
            "focusin" => self.handle_focus(&target),
            "pointermove" => self.handle_pointer(&target, event.unchecked_ref()),
            _ => {}
        }
    }

    fn handle_click(self: &Rc<Self>, target: &Element) {
        let nearest = |selector| target.closest(selector).ok().flatten();
        if let Some(button) = nearest("[data-act]") {
            match button.get_attribute("data-act").as_deref() {
                Some("run") => self.run(),
                Some("measure") => self.measure(),
                Some("tcp") => self.choose_side(Stack::Tcp),
                Some("quic") => self.choose_side(Stack::Quic),
                Some(_) | None => {}
            }
        } else if let Some(probe) = nearest("[data-pair]").and_then(|row| row.get_attribute("data-pair"))
            && let Some(probe) = Probe::find(&probe)
        {
            self.pair.set(probe);
            self.show_report();
            self.load_ladder();
        }
    }

    /// Slider and number say the same.
    fn handle_input(&self, target: &Element) {
        let twin = match (target.get_attribute("data-range"), target.get_attribute("data-field")) {
            (Some(name), _) => ["[data-field=", &name, "]"].concat(),
            (None, Some(name)) => ["[data-range=", &name, "]"].concat(),
            (None, None) => return,
        };
        if let Ok(Some(twin)) = self.root.query_selector(&twin) {
            twin.unchecked_into::<HtmlInputElement>()
                .set_value(&target.unchecked_ref::<HtmlInputElement>().value());
        }
    }

    fn handle_key(self: &Rc<Self>, target: &Element, event: &KeyboardEvent) {
        let is_in = |part: &str| target.closest(part).is_ok_and(|found| found.is_some());
        let key = event.key();
        if key == "Enter" && is_in("[data-part=settings] input") {
            self.run();
        } else if is_in("[data-part=ladder]") {
            let target = self.ladder.borrow().as_ref().and_then(|ladder| ladder.target(&key));
            if let Some(target) = target {
                event.prevent_default();
                // An element that was removed meanwhile takes no focus, and there is nothing to be told of it.
                target.focus().ok();
            }
        }
    }

    fn handle_focus(&self, target: &Element) {
        let explanation = target.closest(".rung").ok().flatten().and_then(|rung| {
            let mut ladder = self.ladder.borrow_mut();
            ladder.as_mut()?.handle_focus(&rung)
        });
        if let Some(explanation) = explanation {
            self.fill("[data-part=time]", self.time_text(explanation.sent));
            self.tell(Some(explanation));
        }
    }

    fn handle_pointer(&self, target: &Element, event: &MouseEvent) {
        if !target.closest("[data-part=ladder]").is_ok_and(|found| found.is_some()) {
            return;
        }
        let ladder = self.ladder.borrow();
        let Some(ladder) = ladder.as_ref() else { return };
        let micros = ladder.point(event.client_y());
        self.fill("[data-part=time]", micros.map_or_else(String::new, |micros| self.time_text(micros)));
        let pointed = target.closest(".rung").ok().flatten();
        self.tell(ladder.explain(pointed.as_ref()));
    }

    /// A time in ms and in round trips.
    fn time_text(&self, micros: f64) -> String {
        let rtt_ms = self.report.borrow().as_ref().map_or(0.0, |report| report.request.rtt_ms);
        let mut text = ["Line at ", &fixed(micros / 1e3, 1), "\u{a0}ms"].concat();
        if rtt_ms > 0.0 {
            text.extend([" = ", &fixed(micros / 1e3 / rtt_ms, 2), "\u{a0}RTT"]);
        }
        text
    }

    fn tell(&self, explanation: Option<Explanation>) {
        let (name, text) = explanation.map_or_else(
            || (String::new(), HOW_TO_WALK.to_owned()),
            |Explanation { name, text, .. }| (name, text),
        );
        let mut html = String::new();
        push_text(&mut html, &text);
        self.fill("[data-part=told]", html);
        self.board.borrow().set("[data-part=told]", "data-value", &name);
    }

    fn fill(&self, selector: &'static str, html: String) {
        self.board.borrow_mut().fill(selector, html);
    }

    fn set(&self, selector: &str, attribute: &str, value: &str) {
        self.board.borrow().set(selector, attribute, value);
    }

    fn say(&self, text: &str, state: &str) {
        let mut html = String::new();
        push_text(&mut html, text);
        self.fill("[data-part=status]", html);
        self.set("[data-part=status]", "data-value", state);
    }

    fn field(&self, name: &str) -> String {
        let field = self.root.query_selector(&["[data-field=", name, "]"].concat()).ok().flatten();
        // A select has a value as an input has.
        field.map_or_else(String::new, |field| field.unchecked_into::<HtmlInputElement>().value())
    }

    fn run(self: &Rc<Self>) {
        let body = match settings::request_json(|name| self.field(name)) {
            Ok(body) => body,
            Err(sentence) => return self.say(&sentence, "refused"),
        };
        if self.is_running.replace(true) {
            return;
        }
        self.say("Running…", "running");
        self.set("[data-act=run]", "aria-disabled", "true");
        let lab = Rc::clone(self);
        spawn_local(async move {
            let answer = api::send("POST", API, Some(body)).await;
            lab.is_running.set(false);
            lab.set("[data-act=run]", "aria-disabled", "false");
            match answer.map(|text| read::report(&text)) {
                Ok(Some(report)) => {
                    lab.say(&run_text(&report), "done");
                    lab.report.replace(Some(report));
                    lab.show_report();
                    lab.load_ladder();
                }
                Ok(None) => lab.say(
                    "The server's report is not understood: it has another version than this page.",
                    "refused",
                ),
                Err(error) => lab.say(&["Not measured: ", &error.to_string(), "."].concat(), "refused"),
            }
        });
    }

    fn show_report(&self) {
        let report = self.report.borrow();
        let Some(report) = report.as_ref() else { return };
        let pair = self.pair.get();
        self.set("[data-part=outcome]", "data-state", "ready");
        self.fill("[data-part=probes]", results::table_html(report, pair));
        let mut title = String::new();
        push_text(&mut title, &[pair_title(pair), ": ", pair_meaning(pair)].concat());
        self.fill("[data-part=ladder-title]", title);
        self.fill("[data-part=exports]", exports_html(&report.id, pair));
        let cards = [
            ("[data-part=replay-card]", !report.replays.is_empty()),
            ("[data-part=hostile-card]", report.hostile.is_some()),
            ("[data-part=facts-card]", !report.facts.is_empty()),
        ];
        for (card, has_any) in cards {
            self.set(card, "data-state", if has_any { "ready" } else { "empty" });
        }
        self.fill("[data-part=replays]", proofs::replays_html(&report.replays));
        self.fill(
            "[data-part=hostile]",
            report.hostile.as_ref().map_or_else(String::new, proofs::hostile_html),
        );
        self.fill("[data-part=facts]", proofs::facts_html(&report.facts));
        if let Some(measured) = self.measured.borrow().as_ref() {
            self.fill("[data-part=measured]", measured.html(Some(report)));
        }
    }

    fn choose_side(self: &Rc<Self>, side: Stack) {
        self.side.set(side);
        self.load_ladder();
    }

    /// Asks for the ladder of the pair, or where there is no room for two, of one side.
    fn load_ladder(self: &Rc<Self>) {
        let Some(id) = self.report.borrow().as_ref().map(|report| report.id.clone()) else { return };
        let (pair, side) = (self.pair.get(), self.side.get());
        for (stack, button) in [(Stack::Tcp, "[data-act=tcp]"), (Stack::Quic, "[data-act=quic]")] {
            self.set(button, "aria-pressed", if stack == side { "true" } else { "false" });
        }
        let only = match side {
            Stack::Tcp => pair,
            Stack::Quic => pair.twin(),
        };
        let url = if window::media_matches(NARROW) {
            [API, "/", &id, "/ladder.svg?probe=", only.name()].concat()
        } else {
            picture_url(&id, pair)
        };
        let number = self.asked.get().wrapping_add(1);
        self.asked.set(number);
        let lab = Rc::clone(self);
        spawn_local(async move {
            let answer = api::send("GET", &url, None).await;
            if lab.asked.get() == number {
                lab.show_ladder(answer);
            }
        });
    }

    fn show_ladder(&self, answer: Result<String, api::AskError>) {
        let html = answer.unwrap_or_else(|error| {
            let mut html = "<p class=hint>There is no ladder: ".to_owned();
            push_text(&mut html, &error.to_string());
            html + ".</p>"
        });
        self.ladder.replace(None);
        self.fill("[data-part=ladder]", html);
        let host = self.root.query_selector("[data-part=ladder]").ok().flatten();
        let ladder = host.as_ref().and_then(LadderView::new);
        let rungs = ladder.as_ref().map_or(0, LadderView::rungs);
        self.set("[data-part=ladder]", "data-value", &rungs.to_string());
        self.ladder.replace(ladder);
        self.fill("[data-part=time]", String::new());
        self.tell(None);
    }

    fn measure(self: &Rc<Self>) {
        if self.is_measuring.replace(true) {
            return;
        }
        self.say_measuring("Measuring…", "running");
        let lab = Rc::clone(self);
        spawn_local(async move {
            let named = lab.root.closest("[data-lab]").ok().flatten();
            let id = named.and_then(|host| host.get_attribute("data-lab")).unwrap_or_default();
            match Place::of(&id).await {
                Ok(place) => {
                    lab.measured.replace(Some(Measured::new(place.rtt_ms, place.has_tls)));
                    place
                        .measure(|transport, is_warm, outcome| {
                            let mut measured = lab.measured.borrow_mut();
                            let Some(measured) = measured.as_mut() else { return };
                            measured.add(transport, is_warm, outcome);
                            lab.fill("[data-part=measured]", measured.html(lab.report.borrow().as_ref()));
                        })
                        .await;
                    lab.say_measuring("", "done");
                }
                Err(sentence) => lab.say_measuring(&sentence, "refused"),
            }
            lab.is_measuring.set(false);
        });
    }

    fn say_measuring(&self, text: &str, state: &str) {
        let mut html = String::new();
        push_text(&mut html, text);
        self.fill("[data-part=measure-status]", html);
        self.set("[data-part=measure-status]", "data-value", state);
    }
}

/// What was run, in a sentence.
fn run_text(report: &HandshakeReport) -> String {
    let request = &report.request;
    let runs = if request.runs == 1 { " run of each probe at " } else { " runs of each probe at " };
    let mut text = [&*request.runs.to_string(), runs, &short(request.rtt_ms), "\u{a0}ms RTT"].concat();
    if request.loss_percent > 0.0 {
        text.extend([", ", &short(request.loss_percent), "\u{a0}% loss"]);
    }
    if let Some(rate) = request.rate_kbit {
        text.extend([", ", &short(rate), "\u{a0}kbit/s"]);
    }
    if let Some(blackout) = request.blackout_ms {
        text.extend([", nothing passes from ", &short(blackout), "\u{a0}ms on"]);
    }
    if let Some(seed) = request.seed {
        text.extend([", seed ", &seed.to_string()]);
    }
    text.push_str(match request.clock {
        ClockKind::Virtual => "; virtual clock: computing takes no time.",
        ClockKind::Real => "; real clock: computing is in every figure.",
    });
    text
}

fn picture_url(id: &str, pair: Probe) -> String {
    [API, "/", id, "/ladder.svg?probe=", pair.name(), "&beside=", pair.twin().name()].concat()
}

/// Links to files.
fn exports_html(id: &str, pair: Probe) -> String {
    let picture = picture_url(id, pair);
    let (tcp, quic) = (pair.name(), pair.twin().name());
    let file = |name: &str, probe: &str| [API, "/", id, "/", name, "?probe=", probe].concat();
    let links = [
        ("svg", "SVG", picture),
        ("pcapng-tcp", "pcapng TCP", file("capture.pcapng", tcp)),
        ("pcapng-quic", "pcapng QUIC", file("capture.pcapng", quic)),
        ("qlog", "qlog QUIC", file("trace.qlog", quic)),
        ("json-tcp", "JSON TCP", file("ladder.json", tcp)),
        ("json-quic", "JSON QUIC", file("ladder.json", quic)),
    ];
    links
        .map(|(name, title, url)| {
            let mut html = ["<a data-testid=export-", name, " download href=\""].concat();
            push_text(&mut html, &url);
            html + "&amp;download=1\">" + title + "</a>"
        })
        .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_name_the_run_and_its_probe() {
        let html = exports_html("0123456789abcdef", Probe::Wss);
        let svg =
            "/api/handshakes/0123456789abcdef/ladder.svg?probe=wss&amp;beside=web-transport&amp;download=1";
        assert!(html.contains(svg), "{html}");
        assert!(html.contains("trace.qlog?probe=web-transport&amp;download=1"), "{html}");
        assert_eq!(html.matches("<a ").count(), 6);
    }
}
