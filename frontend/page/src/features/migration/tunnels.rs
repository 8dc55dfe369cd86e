//! A tunnel, and a series of them.

use std::rc::Rc;

use sluice_shared::lab::LabEvent;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::features::migration::lanes;
use crate::features::migration::panel::Lab;
use sluice_browser::clock;
use sluice_browser::window;

/// The series' tunnels, seconds: around the lengths from which connections die.
const SERIES: [i32; 7] = [3, 4, 5, 6, 7, 8, 10];
/// How often it is looked whether something is over, ms.
const LOOK_MILLIS: i32 = 250;
/// How long all lanes are waited for after a tunnel, ms.
const PATIENCE_MILLIS: i32 = 20_000;
/// How long before a tunnel's end the clients change networks, ms: the change is made when something can pass again.
const AHEAD_MILLIS: i32 = 150;
/// How long they run between one tunnel and the next, ms.
const PAUSE_MILLIS: i32 = 1_500;
/// Lanes whose survival is worth comparing.
const LANES: [&str; 4] = [
    "lane=stream-per-topic",
    "lane=stream-per-topic,cc:cubic-wide",
    "lane=stream-per-topic,cc:bbr",
    "lane=websocket",
];

impl Lab {
    /// A tunnel, and another address at its end if that is wanted.
    pub(crate) async fn pass_a_tunnel(self: Rc<Self>) {
        let seconds = self.field("seconds").map_or(4, |field| field.value().parse().unwrap_or(4));
        if self.pass(seconds, "In the tunnel for ").await {
            self.say("Out of the tunnel.", "done");
        }
    }

    /// One tunnel after the other, longer and longer, each once all lanes are back from the one before.
    pub(crate) async fn pass_a_series(self: Rc<Self>) {
        self.is_series.set(true);
        self.show_series();
        for (at, seconds) in SERIES.into_iter().enumerate() {
            let number = self.survival.borrow().next_number();
            let place = [&*(at + 1).to_string(), " of ", &SERIES.len().to_string()].concat();
            if !self.pass(seconds, &["Tunnel ", &place, ": "].concat()).await {
                break;
            }
            self.say(&["Tunnel ", &place, " is over; waiting for the lanes."].concat(), "running");
            let is_back = self.waits_until(PATIENCE_MILLIS, |lab| lab.is_back(number)).await;
            if at + 1 < SERIES.len() && is_back {
                self.waits_until(PAUSE_MILLIS, |lab| !lab.is_series.get()).await;
            }
            if !self.is_series.get() {
                break;
            }
        }
        if self.is_series.replace(false) {
            self.say("All tunnels of the series were passed.", "done");
        }
        self.show_series();
        self.show_counters();
    }

    /// Ends a series with the tunnel that runs.
    pub(crate) fn stop_series(&self) {
        self.is_series.set(false);
        self.show_series();
        self.say("Stopped.", "done");
    }

    /// Shows the panel that proves whether anything was lost.
    pub(crate) fn show_certificates(&self) {
        let found = self.document.query_selector("[data-testid=panel-continuity]").ok().flatten();
        if let Some(tab) = found.and_then(|tab| tab.dyn_into::<HtmlElement>().ok()) {
            tab.click();
        }
    }

    /// The page's address with the lanes whose survival is worth comparing.
    pub(crate) fn lanes_link(&self) -> String {
        with_lanes(&window::query())
    }

    /// Whether it was passed: not refused, not stopped, and in one lab.
    async fn pass(&self, seconds: i32, words: &str) -> bool {
        let (is_series, lab) = (self.is_series.get(), self.id());
        if !self.ask(LabEvent::Tunnel { seconds: f64::from(seconds) }).await {
            self.is_series.set(false);
            return false;
        }
        self.say(&[words, &seconds.to_string(), "\u{a0}s."].concat(), "running");
        let is_stopped = |lab: &Self| is_series && !lab.is_series.get();
        self.waits_until(seconds * 1_000 - AHEAD_MILLIS, is_stopped).await;
        if is_stopped(self) || self.id() != lab {
            return false;
        }
        self.chosen.set(None);
        let then = self.field("then").is_some_and(|field| field.checked());
        if then && !self.ask(LabEvent::SwitchNetwork(self.switch.get())).await {
            self.is_series.set(false);
            return false;
        }
        self.waits_until(AHEAD_MILLIS, is_stopped).await;
        true
    }

    /// Waits for something, or as long as is given; whether it came.
    async fn waits_until(&self, millis: i32, is_over: impl Fn(&Self) -> bool) -> bool {
        let end = clock::page_millis() + f64::from(millis);
        while !is_over(self) {
            let left = end - clock::page_millis();
            if left <= 0.0 {
                return false;
            }
            clock::sleep_millis((left.ceil() as i32).min(LOOK_MILLIS)).await;
        }
        true
    }

    /// Whether all lanes got data after a tunnel, or the series was stopped.
    fn is_back(&self, number: u64) -> bool {
        let lanes = lanes::read(&self.document);
        let are_open = lanes.iter().all(|lane| lane.state == "open");
        !self.is_series.get() || (are_open && self.survival.borrow().is_over(number))
    }
}

fn with_lanes(query: &str) -> String {
    let others = query.trim_start_matches('?').split('&');
    let others = others.filter(|pair| !pair.is_empty() && !pair.starts_with("lane="));
    let all: Vec<&str> = LANES.into_iter().chain(others).collect();
    "?".to_owned() + &all.join("&")
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::Congestion;

    use super::*;
    use crate::url::share::setup_from_query;

    #[test]
    fn the_lanes_to_compare_are_a_set_up_that_the_page_understands() {
        let query = with_lanes("?lane=datagrams&lane=websocket,direct&net=lte&panel=migration");
        assert!(query.ends_with("&net=lte&panel=migration"), "{query}");
        let (setup, notes) = setup_from_query(&query);
        assert_eq!(notes, Vec::<String>::new());
        let congestions: Vec<_> = setup.lanes.iter().map(|lane| lane.congestion).collect();
        let expected = [Congestion::Cubic, Congestion::CubicWide, Congestion::Bbr, Congestion::Cubic];
        assert_eq!(congestions, expected);
    }

    #[test]
    fn an_address_without_a_set_up_gets_one() {
        assert_eq!(with_lanes(""), "?".to_owned() + &LANES.join("&"));
    }
}
