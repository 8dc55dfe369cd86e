//! Scripts of stories: what each step sets up, what its control does, and what a run has to show.

use sluice_bridge::{LabAction, LaneInput, PageSettings};

use crate::stories::metric::Metric;
use crate::stories::scripts;

/// The script of a story.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// The story.
    pub story: &'static str,
    /// The instrument beside the steps.
    pub stage: StoryStage,
    /// The steps, as in the story's text.
    pub steps: &'static [StepScript],
}

/// The instrument beside a story's steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoryStage {
    /// The timeline of the lanes, and a table of figures.
    Lanes,
    /// The ladder of handshakes.
    Handshakes,
    /// The frames of a WebSocket.
    Frames,
}

/// The script of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepScript {
    /// The step.
    pub id: &'static str,
    /// Set-up in force when the step is entered; `None` keeps that of the step before.
    pub setup: Option<SetupFn>,
    /// What the step's control does.
    pub control: Option<Control>,
    /// Columns of the table of figures.
    pub columns: &'static [Metric],
}

/// Returns a set-up for the whole page in this browser.
pub type SetupFn = fn(Abilities) -> PageSettings;

/// Abilities of the browser that set-ups depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// True if a page that does not handle messages in time makes the browser stop reading its WebSocket.
    pub has_websocket_backpressure: bool,
    /// True if browser and server both speak WebTransport.
    pub has_webtransport: bool,
}

/// An experiment.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// Name of the control; steps with the same control share its figures.
    pub id: &'static str,
    /// What it measures.
    pub kind: ControlKind,
}

/// Kinds of experiments.
#[derive(Clone, Copy, Debug)]
pub enum ControlKind {
    /// A run of the lanes.
    Lanes(Experiment),
    /// A run of the handshake lab.
    Handshakes,
    /// Fragments of at most this many payload bytes; 0 for whole messages.
    Fragments(u32),
}

/// An experiment with the lanes.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// Events before the set-up: lanes connect only when the network is as they need it.
    pub before: &'static [LabAction],
    /// Set-up that it begins with.
    pub begin: SetupFn,
    /// Lanes that cannot connect in this set-up, so that the run does not wait for them.
    pub absent: &'static [&'static str],
    /// Seconds of announcement before the first event.
    pub countdown_secs: u64,
    /// Events after the announcement, each with its time in milliseconds.
    pub events: &'static [(u64, LabAction)],
    /// Conditions for the end of the run.
    pub ends: &'static [EndCondition],
    /// What the run has to show.
    pub claims: &'static [Claim],
    /// True if it shows that only where [`Abilities::has_websocket_backpressure`] holds.
    pub needs_websocket_backpressure: bool,
    /// Time after which the run is given up, seconds after the announcement.
    pub limit_secs: u64,
}

/// A condition for the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCondition {
    /// Seconds have passed since the announcement, and all events have been sent.
    Elapsed(u64),
    /// The network's outage is over, and all lanes have had data since.
    Recovered,
}

/// Something that a run has to show, so that the story's sentences are true of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A figure is this or more.
    AtLeast(&'static str, Metric, u64),
    /// A figure is this or less.
    AtMost(&'static str, Metric, u64),
    /// The first lane's figure is smaller than the second's.
    Less(&'static str, &'static str, Metric),
}

impl Script {
    /// Returns the script of a story.
    pub fn find(story: &str) -> Option<&'static Self> {
        scripts::ALL.into_iter().find(|script| script.story == story)
    }

    /// Returns the set-up in force at a step: its own, or the nearest before it.
    pub fn setup_at(&self, step: usize) -> Option<SetupFn> {
        self.steps.iter().take(step + 1).rev().find_map(|step| step.setup)
    }
}

impl StepScript {
    /// Returns a step without a control that keeps the set-up.
    pub const fn reading(id: &'static str, columns: &'static [Metric]) -> Self {
        Self { id, setup: None, control: None, columns }
    }
}

impl Experiment {
    /// Returns a run without announcement, events or absent lanes, to be completed.
    pub const fn new(
        begin: SetupFn,
        ends: &'static [EndCondition],
        claims: &'static [Claim],
        limit_secs: u64,
    ) -> Self {
        Self {
            before: &[],
            begin,
            absent: &[],
            countdown_secs: 0,
            events: &[],
            ends,
            claims,
            needs_websocket_backpressure: false,
            limit_secs,
        }
    }
}

/// Returns whether a lane is connected and has had data.
pub fn is_ready(lane: &LaneInput) -> bool {
    lane.is_open() && lane.summary.consumed.messages > 0
}
