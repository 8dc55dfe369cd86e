//! What a click does.

use std::rc::Rc;

use sluice_shared::lab::{LabEvent, LabRouting, NewAddress, TcpFate};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, Event, HtmlInputElement};

use crate::features::migration::lanes;
use crate::features::migration::panel::Lab;
use crate::features::migration::panel::NO_LAB;
use crate::features::migration::scale::Extent;
use crate::features::migration::series::EVERY_MILLIS;
use crate::features::migration::series::SWITCHES;
use crate::features::migration::series::Series;
use crate::features::migration::spoof;
use sluice_browser::api;
use sluice_browser::clock;

/// How often it is looked whether all gaps are over, ms.
const LOOK_MILLIS: i32 = 500;
/// How long the gaps of the last of ten changes are waited for, ms.
const SETTLE_MILLIS: i32 = 15_000;

impl Lab {
    pub(crate) fn handle_click(self: &Rc<Self>, event: &Event) {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let Some(button) = target.and_then(|target| target.closest("[data-act]").ok().flatten()) else {
            return;
        };
        let attribute = |name| button.get_attribute(name).unwrap_or_default();
        let (act, arg) = (attribute("data-act"), attribute("data-arg"));
        let mut switch = self.switch.get();
        match act.as_str() {
            "address" => switch.address = named(&NewAddress::ALL, NewAddress::name, &arg),
            "tcp" => switch.tcp = named(&TcpFate::ALL, TcpFate::name, &arg),
            "switch" => self.post(LabEvent::SwitchNetwork(switch)),
            "ten" => self.run(Self::switch_ten_times),
            "tunnel" => self.run(Self::pass_a_tunnel),
            "tunnels" if self.is_series.get() => self.stop_series(),
            "tunnels" => self.run(Self::pass_a_series),
            "certificates" => self.show_certificates(),
            "spoof" => {
                let copies = self.field("copies").map(|field| field.value());
                let drops = self.field("drop").is_some_and(|field| field.checked());
                self.post(LabEvent::Spoof(spoof::wanted(copies, drops)));
            }
            "routing" => self.balance(named(&LabRouting::ALL, LabRouting::name, &arg)),
            "backends" => {
                self.backends.set(arg.parse().unwrap_or(LabEvent::MIN_BACKENDS));
                match self.routing.get().unwrap_or_else(|| self.routing()) {
                    LabRouting::Off => {}
                    routing @ (LabRouting::Address | LabRouting::ConnectionId) => self.balance(routing),
                }
            }
            "backend" => self.turn_backend(&arg),
            "kill" => {
                if let Ok(index) = arg.parse() {
                    self.post(LabEvent::KillBackend { index });
                }
            }
            "migration" => self.post(LabEvent::Migration { allowed: arg == "allowed" }),
            "extent" => self.extent.set(named(&Extent::ALL, Extent::name, &arg)),
            "number" => self.chosen.set(arg.parse().ok()),
            _ => {}
        }
        self.switch.set(switch);
        self.show_choices();
        self.show_switch();
    }

    fn balance(self: &Rc<Self>, routing: LabRouting) {
        self.routing.set(Some(routing));
        self.post(LabEvent::Balance { routing, backends: self.backends.get() });
    }

    fn turn_backend(self: &Rc<Self>, arg: &str) {
        let Ok(index) = arg.parse::<u8>() else { return };
        let is_up = self
            .report
            .borrow()
            .as_ref()
            .and_then(|report| Some(report.balancer.as_ref()?.backends.get(usize::from(index))?.is_up));
        if let Some(is_up) = is_up {
            self.post(LabEvent::Backend { index, up: !is_up });
        }
    }

    fn post(self: &Rc<Self>, event: LabEvent) {
        if matches!(event, LabEvent::SwitchNetwork(_)) {
            self.chosen.set(None);
        }
        let lab = Rc::clone(self);
        spawn_local(async move {
            lab.ask(event).await;
        });
    }

    /// Lets something happen; whether it did.
    pub(crate) async fn ask(&self, event: LabEvent) -> bool {
        let id = self.id();
        if id.is_empty() {
            self.say(NO_LAB, "refused");
            return false;
        }
        match api::post_event(&id, event).await {
            Ok(()) => {
                if !self.is_busy.get() {
                    self.say("", "done");
                }
                true
            }
            Err(error) => {
                self.say(&["Not done: ", &error.to_string(), "."].concat(), "refused");
                false
            }
        }
    }

    /// Does what takes a while, one at a time.
    fn run<F: Future<Output = ()>>(self: &Rc<Self>, what: impl FnOnce(Rc<Self>) -> F + 'static) {
        if self.is_busy.replace(true) {
            return;
        }
        self.show_busy();
        let lab = Rc::clone(self);
        spawn_local(async move {
            what(Rc::clone(&lab)).await;
            lab.is_busy.set(false);
            lab.show_busy();
        });
    }

    async fn switch_ten_times(self: Rc<Self>) {
        let series =
            self.report.borrow().as_ref().map(|report| Series::new(report, lanes::read(&self.document)));
        let Some(series) = series else { return };
        self.series.replace(Some(series));
        self.chosen.set(None);
        for number in 1..=SWITCHES {
            // Another lab has taken this one's place.
            if self.series.borrow().is_none() {
                return;
            }
            self.say(
                &["Change ", &number.to_string(), " of ", &SWITCHES.to_string(), "."].concat(),
                "running",
            );
            if !self.ask(LabEvent::SwitchNetwork(self.switch.get())).await {
                return;
            }
            if let Some(series) = self.series.borrow_mut().as_mut() {
                series.made = number;
            }
            clock::sleep_millis(EVERY_MILLIS).await;
        }
        self.say("Ten changes; waiting until all gaps are over.", "running");
        for _ in 0..SETTLE_MILLIS / LOOK_MILLIS {
            if self.series.borrow().as_ref().is_none_or(Series::is_settled) {
                break;
            }
            clock::sleep_millis(LOOK_MILLIS).await;
        }
        if self.series.borrow().is_some() {
            self.show_counters();
            self.say("Ten changes made.", "done");
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<HtmlInputElement> {
        let found = self.root.query_selector(&["[data-field=", name, "]"].concat()).ok()??;
        // A select has a value as an input has.
        Some(found.unchecked_into())
    }
}

/// The one that is called `name`; the first if none is.
fn named<T: Copy>(all: &[T], name_of: fn(T) -> &'static str, name: &str) -> T {
    all.iter().copied().find(|each| name_of(*each) == name).unwrap_or(all[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_the_first_choice() {
        assert_eq!(named(&TcpFate::ALL, TcpFate::name, "pigeon"), TcpFate::Told);
        assert_eq!(named(&TcpFate::ALL, TcpFate::name, "silent"), TcpFate::Silent);
    }
}
