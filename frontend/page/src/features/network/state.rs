//! State of the page's lab, its own emulated network at the server. Held by the page's state; the network
//! panel and the set-up change it, and the lab's report stream updates it. At most one request is in flight,
//! and a refused change is rolled back.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use sluice_shared::lab::{Knobs, Lab, LabEvent, LabRouting, NetworkReport};
use sluice_shared::link::Preset;
use sluice_shared::time::Time;

use crate::app::state::App;
use crate::engine::driver::Engine;
use crate::engine::epochs::EpochChange;
use crate::engine::lane::set_if_new;
use crate::features::network::model::Knob;
use crate::features::network::model::NetworkSetup;
use sluice_bridge::Level;
use sluice_browser::api;
use sluice_browser::api::AskError;
use sluice_browser::clock;
use sluice_browser::lab_watch::LabWatch;
use sluice_browser::lab_watch::WatchEvent;

/// Emulated network between the lanes and the server: the wanted settings, and the server's state.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Settings chosen on the page.
    pub wanted: RwSignal<NetworkSetup>,
    /// State of the lab.
    pub lab: RwSignal<LabState>,
    /// State of the lab's network as a whole, updated four times a second.
    pub outlook: RwSignal<Outlook>,
    /// Reason why the server refused the last change, until dismissed.
    pub refusal: RwSignal<Option<String>>,
    /// Settings last sent to the server.
    last_sent: StoredValue<NetworkSetup>,
    /// True if the preset is to be applied from scratch.
    restarts: StoredValue<bool>,
    /// True if this page has put a balancer in front of several backends.
    is_balanced: StoredValue<bool>,
    /// True while a request for a lab is pending.
    is_making: StoredValue<bool>,
    /// True while a change is pending at the server.
    is_telling: StoredValue<bool>,
    tunnel_until: StoredValue<Option<Time>>,
    /// Error of the newest report, if it could not be decoded.
    unreadable: StoredValue<Option<AskError>>,
    watch: StoredValue<Option<LabWatch>, LocalStorage>,
}

/// State of the page's lab, as far as the page knows.
#[derive(Clone, Debug, PartialEq)]
pub enum LabState {
    /// Requested, without a response yet.
    Asking,
    /// Available, at least according to the last report.
    Ready(Lab),
    /// Refused by the server, with the reason: all lanes use the direct path.
    Missing(String),
}

/// State of the lab's network as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outlook {
    /// Running outage, if any.
    pub outage: Option<Outage>,
    /// True if UDP is blocked.
    pub is_udp_blocked: bool,
    /// Share of a core used by the server's emulator.
    pub relay_load: f32,
}

/// A running outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Time since it began, seconds.
    pub elapsed_secs: u64,
    /// Remaining time, seconds, if it was started by hand.
    pub remaining_secs: Option<u64>,
}

/// Delay before an unreachable server is asked again.
const RETRY_MILLIS: i32 = 2_000;

impl Network {
    /// Returns a network that has not been requested from the server yet.
    pub(crate) fn new(setup: NetworkSetup) -> Self {
        Self {
            wanted: RwSignal::new(setup),
            lab: RwSignal::new(LabState::Asking),
            outlook: RwSignal::new(Outlook::default()),
            refusal: RwSignal::new(None),
            last_sent: StoredValue::new(setup),
            restarts: StoredValue::new(false),
            is_balanced: StoredValue::new(false),
            is_making: StoredValue::new(false),
            is_telling: StoredValue::new(false),
            tunnel_until: StoredValue::new(None),
            unreadable: StoredValue::new(None),
            watch: StoredValue::new_local(None),
        }
    }

    /// Requests a lab until the server responds.
    pub(crate) fn start(self, app: App) {
        if self.is_making.get_value() {
            return;
        }
        self.is_making.set_value(true);
        spawn_local(async move {
            loop {
                let wanted = self.wanted.get_untracked();
                match api::make_lab(wanted.as_new()).await {
                    Ok(lab) => {
                        self.last_sent.set_value(wanted);
                        self.watch.set_value(Some(LabWatch::open(&lab.id, move |event| {
                            self.handle_watch_event(app, event)
                        })));
                        self.lab.set(LabState::Ready(lab));
                        break;
                    }
                    Err(AskError::Unreachable) => clock::sleep_millis(RETRY_MILLIS).await,
                    Err(error) => {
                        app.note(Level::Warning, format!("There is no emulated network: {error}."));
                        self.lab.set(LabState::Missing(error.to_string()));
                        break;
                    }
                }
            }
            self.is_making.set_value(false);
        });
    }

    /// Requests a lab again after the server refused one.
    pub fn ask_again(self, app: App) {
        self.start(app);
    }

    /// Handles the loss of the lab: requests another one with the same network.
    pub(crate) fn handle_lab_gone(self, app: App) {
        app.engine().borrow_mut().forget_lab();
        self.watch.set_value(None);
        self.start(app);
    }

    fn handle_watch_event(self, app: App, event: WatchEvent<NetworkReport>) {
        match event {
            WatchEvent::Report(report) => {
                self.unreadable.set_value(None);
                app.engine().borrow_mut().take_lab_report(*report);
            }
            WatchEvent::Unreadable(error) => self.handle_unreadable(app, error),
            WatchEvent::Cut => app.engine().borrow_mut().forget_lab(),
            // Deferred: this call comes from the watch that is to be dropped.
            WatchEvent::Gone => spawn_local(async move { self.handle_lab_gone(app) }),
        }
    }

    /// Discards the last report, and shows the error unless it is already shown: reports arrive several times
    /// a second.
    fn handle_unreadable(self, app: App, error: AskError) {
        app.engine().borrow_mut().forget_lab();
        if self.unreadable.with_value(|shown| shown.as_ref() == Some(&error)) {
            return;
        }
        let text = format!("The state of the network is unknown: {error}.");
        app.note(Level::Warning, text.clone());
        self.refusal.set(Some(text));
        self.unreadable.set_value(Some(error));
    }

    /// Removes the page's lab when the page is closed.
    pub(crate) fn leave(self) {
        if let Some(LabState::Ready(lab)) = self.lab.try_get_untracked() {
            api::remove_lab(&lab.id);
        }
    }

    /// Selects a preset without changes.
    pub fn choose(self, preset: Preset) {
        self.restarts.set_value(true);
        self.wanted.update(|wanted| *wanted = NetworkSetup { seed: wanted.seed, ..NetworkSetup::of(preset) });
    }

    /// Changes one setting.
    pub fn turn(self, knob: Knob, value: f64) {
        self.wanted.update(|wanted| knob.set(&mut wanted.change, value));
    }

    /// Returns the settings to show, tracked.
    pub fn knobs(self) -> Knobs {
        let in_force = self.lab.with(|lab| match lab {
            LabState::Ready(lab) => lab.knobs,
            LabState::Asking | LabState::Missing(_) => Knobs::default(),
        });
        self.wanted.with(|wanted| wanted.shown(&in_force))
    }

    /// Lets the wanted network begin anew with the next change.
    pub(crate) fn restart(self) {
        self.restarts.set_value(true);
    }

    /// Lets the wanted network begin anew, and removes a balancer that was added by hand.
    pub(crate) fn begin_anew(self, app: App) {
        self.restart();
        if self.is_balanced.get_value() {
            self.happen(
                app,
                LabEvent::Balance { routing: LabRouting::Off, backends: LabEvent::MIN_BACKENDS },
            );
        }
    }

    /// Sends the wanted settings to the server, unless they are in force or a request is pending.
    pub(crate) fn tell(self, app: App) {
        let LabState::Ready(lab) = self.lab.get_untracked() else { return };
        if self.is_making.get_value() || self.is_telling.get_value() {
            return;
        }
        let (wanted, last_sent) = (self.wanted.get_untracked(), self.last_sent.get_value());
        let restarts = self.restarts.try_update_value(core::mem::take).unwrap_or(false);
        let Some(request) = wanted.as_change_of(&last_sent, restarts) else { return };
        self.is_telling.set_value(true);
        self.last_sent.set_value(wanted);
        spawn_local(async move {
            let answer = api::set_link(&lab.id, request).await;
            self.is_telling.set_value(false);
            // A lab that replaced this one meanwhile was created with the settings wanted then.
            let is_same =
                self.lab.with_untracked(|held| matches!(held, LabState::Ready(held) if held.id == lab.id));
            match answer {
                Ok(lab) if is_same => {
                    self.lab.set(LabState::Ready(lab));
                    app.engine().borrow_mut().begin_epoch(EpochChange::Network, wanted.label(&last_sent));
                }
                Err(error) if is_same => {
                    self.refuse(app, &error);
                    // The previous settings stay in force, unless they were changed again meanwhile.
                    if self.wanted.get_untracked() == wanted {
                        self.wanted.set(last_sent);
                    }
                    self.last_sent.set_value(last_sent);
                }
                Ok(_) | Err(_) => {}
            }
        });
    }

    /// Sends an event that affects all lanes.
    pub fn happen(self, app: App, event: LabEvent) {
        let LabState::Ready(lab) = self.lab.get_untracked() else { return };
        let requested_at = clock::now();
        spawn_local(async move {
            match api::post_event(&lab.id, event).await {
                Ok(()) => {
                    app.share.record(requested_at, event);
                    self.handle_happened(app, event);
                }
                Err(error) => self.refuse(app, &error),
            }
        });
    }

    fn handle_happened(self, app: App, event: LabEvent) {
        if let LabEvent::Tunnel { seconds } = event {
            let until = clock::now() + Duration::from_secs_f64(seconds.max(0.0));
            self.tunnel_until.set_value(Some(until));
        }
        if let LabEvent::Balance { routing, .. } = event {
            self.is_balanced.set_value(routing != LabRouting::Off);
        }
        // The other events end by themselves; this one is a setting.
        if let LabEvent::BlockUdp { blocked } = event {
            let label = if blocked { "UDP blocked" } else { "UDP let through" };
            app.engine().borrow_mut().begin_epoch(EpochChange::Network, label.to_owned());
        }
    }

    fn refuse(self, app: App, error: &AskError) {
        let text = format!("The network stays as it is: {error}.");
        app.note(Level::Warning, text.clone());
        self.refusal.set(Some(text));
    }

    /// Publishes the engine's state of the whole lab.
    pub(crate) fn publish(self, engine: &Engine, now: Time) {
        let (report, out_since) = engine.lab();
        let until = self.tunnel_until.get_value().filter(|until| *until > now);
        let outage = out_since.map(|since| Outage {
            elapsed_secs: now.since(since).as_secs(),
            remaining_secs: until.map(|until| until.since(now).as_secs_f64().ceil() as u64),
        });
        let outlook = report.map_or_else(Outlook::default, |report| Outlook {
            outage,
            is_udp_blocked: report.is_udp_blocked,
            relay_load: report.relay_load,
        });
        set_if_new(self.outlook, outlook);
    }
}
