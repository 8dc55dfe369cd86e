//! State of the measurement; it outlives its view.

use std::cell::OnceCell;

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::features::this_browser::measure::LabEndpoints;
use crate::features::this_browser::model::BrowserTimings;

thread_local! {
    static SHARED: OnceCell<&'static ThisBrowserState> = const { OnceCell::new() };
}

/// Signals of the measurement. They are reference-counted and not bound to the mounted view.
#[derive(Debug, Default)]
pub struct ThisBrowserState {
    /// Times measured so far.
    pub timings: ArcRwSignal<Option<BrowserTimings>>,
    /// Progress.
    pub status: ArcRwSignal<MeasureStatus>,
}

/// Progress of the measurement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MeasureStatus {
    /// Nothing has been measured yet.
    #[default]
    Idle,
    /// Connections are being opened.
    Running,
    /// All connections were opened.
    Done,
    /// The measurement failed; the text says why and what to do.
    Failed(String),
}

impl MeasureStatus {
    /// Returns the name used by tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed(_) => "refused",
        }
    }

    /// Returns the progress as text.
    pub fn text(&self) -> String {
        match self {
            Self::Idle => String::new(),
            Self::Running => "Measuring…".to_owned(),
            Self::Done => "Measured.".to_owned(),
            Self::Failed(sentence) => sentence.clone(),
        }
    }
}

impl ThisBrowserState {
    /// Returns the page's single instance, created on first use and kept until the page closes.
    pub fn shared() -> &'static Self {
        SHARED.with(|shared| *shared.get_or_init(|| Box::leak(Box::default())))
    }

    /// Measures over the network of `lab`, unless a measurement is already running.
    pub fn measure(&'static self, lab: Option<String>) {
        if self.status.with_untracked(|status| *status == MeasureStatus::Running) {
            return;
        }
        self.status.set(MeasureStatus::Running);
        spawn_local(async move {
            let end = match LabEndpoints::find(lab.as_deref()).await {
                Ok(endpoints) => {
                    self.timings.set(Some(BrowserTimings::new(endpoints.rtt_ms, endpoints.has_tls)));
                    let count = |transport, is_warm, outcome| {
                        self.timings.update(|timings| {
                            if let Some(timings) = timings {
                                timings.add(transport, is_warm, outcome);
                            }
                        });
                    };
                    endpoints.measure(count).await;
                    MeasureStatus::Done
                }
                Err(sentence) => MeasureStatus::Failed(sentence),
            };
            self.status.set(end);
        });
    }
}
