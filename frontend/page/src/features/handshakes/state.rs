//! State of the handshake lab, which outlives its view, and the actions that change it. Used by the panel, by
//! links and by the stories. At most one run is in progress; the outcome shown is always that of the newest
//! request.

use std::cell::OnceCell;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use sluice_browser::api;
use sluice_browser::api::AskError;
use sluice_browser::clock;
use sluice_browser::trusted_svg::TrustedSvg;
use sluice_shared::handshake::{ClockKind, HandshakeReport, HandshakeRequest, Probe, Stack};
use sluice_shared::mode::Transport;

use crate::features::handshakes::model::labels::{native_opening, run_summary};
use crate::features::handshakes::model::paths;
use crate::features::handshakes::model::query::FIRST_PAIR;
use crate::features::handshakes::model::run_scheduler::{AfterRun, RunScheduler};
use crate::features::handshakes::model::settings::{Field, SettingError, Settings};
use crate::features::handshakes::model::wire::{decode_report, encode_request};
use crate::features::this_browser::model::NativeOpenings;

/// Delay from the last change of a setting to the run, ms: typing a number is several changes.
const DEBOUNCE_MILLIS: i32 = 300;

thread_local! {
    static SHARED: OnceCell<&'static HandshakesState> = const { OnceCell::new() };
}

/// Signals of the lab. They are reference-counted and not bound to the mounted view.
#[derive(Debug)]
pub struct HandshakesState {
    /// Settings of the next run.
    pub settings: ArcRwSignal<Settings>,
    /// Outcome of the last successful run.
    pub report: ArcRwSignal<Option<Arc<HandshakeReport>>>,
    /// Progress of the newest run.
    pub status: ArcRwSignal<RunStatus>,
    /// The pair whose ladder is shown, by its probe over TCP.
    pub pair: ArcRwSignal<Probe>,
    /// Side shown where there is room for only one.
    pub side: ArcRwSignal<Stack>,
    /// True if there is room for only one side.
    pub is_narrow: ArcRwSignal<bool>,
    /// Picture of the ladder.
    pub ladder: ArcRwSignal<LadderStatus>,
    scheduler: ArcStoredValue<RunScheduler>,
    /// Number of setting changes: only the last of a series starts a run.
    edits: ArcStoredValue<u32>,
    /// Number of requested pictures: only the last one is shown.
    pictures: ArcStoredValue<u32>,
}

/// Progress of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RunStatus {
    /// Nothing has been measured yet.
    #[default]
    Idle,
    /// A run is in progress.
    Running,
    /// Settings have changed, and the run takes too long to start automatically.
    Waiting,
    /// A run has ended; the text summarises what was measured.
    Done(String),
    /// The run failed.
    Failed {
        /// Error and remedy, in a sentence.
        text: String,
        /// Setting to correct, if it is one.
        field: Option<Field>,
    },
}

/// Picture of the ladder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LadderStatus {
    /// No picture has been requested yet.
    #[default]
    Missing,
    /// Picture drawn by the server.
    Drawn(TrustedSvg),
    /// The request failed; the text says why and what to do.
    Failed(String),
}

impl RunStatus {
    /// Returns the name used by tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Done(_) => "done",
            Self::Failed { .. } => "refused",
        }
    }

    /// Returns the progress as text.
    pub fn text(&self) -> String {
        match self {
            Self::Idle => "Nothing was measured yet.".to_owned(),
            Self::Running => "Running…".to_owned(),
            Self::Waiting => "With the real clock a run takes seconds: press Run.".to_owned(),
            Self::Done(text) | Self::Failed { text, .. } => text.clone(),
        }
    }

    /// Returns the setting to correct.
    pub const fn field(&self) -> Option<Field> {
        match self {
            Self::Failed { field, .. } => *field,
            Self::Idle | Self::Running | Self::Waiting | Self::Done(_) => None,
        }
    }
}

impl HandshakesState {
    /// Returns the page's single instance, created on first use and kept until the page closes.
    pub fn shared() -> &'static Self {
        SHARED.with(|shared| *shared.get_or_init(|| Box::leak(Box::new(Self::new()))))
    }

    fn new() -> Self {
        Self {
            settings: ArcRwSignal::default(),
            report: ArcRwSignal::default(),
            status: ArcRwSignal::default(),
            pair: ArcRwSignal::new(FIRST_PAIR),
            side: ArcRwSignal::new(Stack::Tcp),
            is_narrow: ArcRwSignal::new(false),
            ladder: ArcRwSignal::default(),
            scheduler: ArcStoredValue::new(RunScheduler::default()),
            edits: ArcStoredValue::new(0),
            pictures: ArcStoredValue::new(0),
        }
    }

    /// Runs with the current settings unless their outcome is present or pending: called when the panel
    /// opens.
    pub fn open(&'static self) {
        let is_needed =
            self.status.with_untracked(|status| matches!(status, RunStatus::Idle | RunStatus::Failed { .. }));
        if is_needed {
            self.run_if_quick();
        }
    }

    /// Applies the settings and the pair of a link; changed settings are measured when the panel opens.
    pub fn load(&'static self, settings: Settings, pair: Probe) {
        if self.pair.get_untracked() != pair {
            self.choose_pair(pair);
        }
        if self.settings.with_untracked(|present| *present != settings) {
            self.settings.set(settings);
            self.status.set(RunStatus::Idle);
        }
    }

    /// Returns the times of native clients to open the sessions that this browser opens too. Tracks the
    /// report.
    pub fn native_openings(&self) -> NativeOpenings {
        self.report.with(|report| {
            let opening = |transport| report.as_ref().and_then(|report| native_opening(report, transport));
            NativeOpenings {
                websocket: opening(Transport::WebSocket),
                webtransport: opening(Transport::WebTransport),
            }
        })
    }

    /// Changes a field, and runs unless another change follows.
    pub fn edit(&'static self, field: Field, text: String) {
        self.settings.update(|settings| settings.set_text(field, text));
        self.run_soon();
    }

    /// Selects the bottleneck's rate.
    pub fn choose_rate(&'static self, rate_kbit: Option<u32>) {
        self.settings.update(|settings| settings.rate_kbit = rate_kbit);
        self.run_soon();
    }

    /// Selects the clock.
    pub fn choose_clock(&'static self, clock: ClockKind) {
        self.settings.update(|settings| settings.clock = clock);
        self.run_soon();
    }

    /// Selects the pair whose ladder is shown.
    pub fn choose_pair(&'static self, pair: Probe) {
        self.pair.set(pair);
        self.load_ladder();
    }

    /// Selects the side shown where there is room for only one.
    pub fn choose_side(&'static self, side: Stack) {
        self.side.set(side);
        self.load_ladder();
    }

    /// Sets whether there is room for only one side.
    pub fn set_narrow(&'static self, is_narrow: bool) {
        if self.is_narrow.get_untracked() != is_narrow {
            self.is_narrow.set(is_narrow);
            self.load_ladder();
        }
    }

    /// Runs with the current settings, after a run in progress.
    pub fn run(&'static self) {
        // This run also covers a pending change.
        next(&self.edits);
        match self.settings.with_untracked(Settings::request) {
            Ok(_) => {
                self.status.set(RunStatus::Running);
                if self.scheduler.try_update_value(RunScheduler::handle_request) == Some(true) {
                    spawn_local(self.run_until_current());
                }
            }
            Err(error) => {
                self.scheduler.update_value(RunScheduler::handle_cancel);
                self.status.set(invalid(&error));
            }
        }
    }

    fn run_soon(&'static self) {
        let edit = next(&self.edits);
        spawn_local(async move {
            clock::sleep_millis(DEBOUNCE_MILLIS).await;
            if self.edits.get_value() == edit {
                self.run_if_quick();
            }
        });
    }

    fn run_if_quick(&'static self) {
        if self.settings.with_untracked(Settings::is_quick) {
            self.run();
        } else {
            self.scheduler.update_value(RunScheduler::handle_cancel);
            self.status.set(RunStatus::Waiting);
        }
    }

    /// Runs until the outcome belongs to the newest request.
    async fn run_until_current(&'static self) {
        loop {
            let outcome = match self.settings.with_untracked(Settings::request) {
                Ok(request) => self.measure(&request).await,
                Err(error) => Err(invalid(&error)),
            };
            match self.scheduler.try_update_value(RunScheduler::handle_end) {
                Some(AfterRun::Show) => return self.show(outcome),
                Some(AfterRun::Repeat) => {}
                Some(AfterRun::Discard) | None => return,
            }
        }
    }

    /// Measures and also fetches the ladder, so that table and ladder always belong to the same run.
    async fn measure(&self, request: &HandshakeRequest) -> Result<Outcome, RunStatus> {
        let body = encode_request(request);
        let text =
            api::send("POST", paths::API, Some(body)).await.map_err(|error| failed(&remedy(&error)))?;
        let report = decode_report(&text).map_err(|error| failed(&error.to_string()))?;
        let path = self.picture_path(&report.id);
        let ladder = fetch_ladder(&path).await;
        Ok(Outcome { report: Arc::new(report), path, ladder })
    }

    fn show(&'static self, outcome: Result<Outcome, RunStatus>) {
        match outcome {
            Ok(Outcome { report, path, ladder }) => {
                // A picture of the previous run must not replace this one.
                next(&self.pictures);
                let is_current = self.picture_path(&report.id) == path;
                self.status.set(RunStatus::Done(run_summary(&report)));
                self.report.set(Some(report));
                if is_current {
                    self.ladder.set(ladder);
                } else {
                    self.load_ladder();
                }
            }
            Err(status) => self.status.set(status),
        }
    }

    /// Fetches the ladder of the chosen pair, or only one side if there is no room for two.
    fn load_ladder(&'static self) {
        let id = self.report.with_untracked(|report| report.as_ref().map(|report| report.id.clone()));
        let Some(path) = id.map(|id| self.picture_path(&id)) else { return };
        let number = next(&self.pictures);
        spawn_local(async move {
            let ladder = fetch_ladder(&path).await;
            if self.pictures.get_value() == number {
                self.ladder.set(ladder);
            }
        });
    }

    fn picture_path(&self, id: &str) -> String {
        let pair = self.pair.get_untracked();
        if self.is_narrow.get_untracked() {
            paths::side_picture(id, pair, self.side.get_untracked())
        } else {
            paths::pair_picture(id, pair)
        }
    }
}

/// Outcome of a run.
struct Outcome {
    report: Arc<HandshakeReport>,
    /// Path of the picture fetched with it.
    path: String,
    ladder: LadderStatus,
}

async fn fetch_ladder(path: &str) -> LadderStatus {
    match TrustedSvg::fetch(path).await {
        Ok(svg) => LadderStatus::Drawn(svg),
        Err(error) => LadderStatus::Failed(
            ["There is no ladder: ", &*error.to_string(), ". Press Run to measure again."].concat(),
        ),
    }
}

fn invalid(error: &SettingError) -> RunStatus {
    RunStatus::Failed { text: ["Not measured: ", &*error.to_string(), "."].concat(), field: error.field }
}

fn failed(reason: &str) -> RunStatus {
    RunStatus::Failed { text: ["Not measured: ", reason, "."].concat(), field: None }
}

fn remedy(error: &AskError) -> String {
    let what_to_do = match error {
        AskError::Unreachable => ". Check that it runs, then press Run",
        AskError::Refused(_) => ". Change the settings, or press Run again",
        AskError::Malformed { .. } => ". Reload the page",
    };
    error.to_string() + what_to_do
}

/// Increments a counter and returns its new value.
fn next(counter: &ArcStoredValue<u32>) -> u32 {
    counter
        .try_update_value(|number| {
            *number = number.wrapping_add(1);
            *number
        })
        .unwrap_or_default()
}
