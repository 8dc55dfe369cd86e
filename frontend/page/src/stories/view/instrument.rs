//! Instruments beside a story's steps that are no lanes: the ladder of handshakes, and the frames of a WebSocket.

use leptos::prelude::*;
use sluice_shared::handshake::Probe;

use crate::features::frames::state::FramesState;
use crate::features::frames::view::FramesPanel;
use crate::features::handshakes::state::{HandshakesState, RunStatus};
use crate::features::handshakes::view::ladder_card::LadderCard;
use crate::features::lazy_host::Input;
use crate::stories::figures::Figures;
use crate::stories::metric::Metric;
use crate::stories::script::{ControlKind, Script};
use crate::stories::view::state::StoryState;

/// Renders the ladder of the step's pair of handshakes, and takes its figures.
#[component]
pub fn HandshakesStage(
    /// The view's state.
    state: StoryState,
    /// The story's script.
    script: &'static Script,
) -> impl IntoView {
    let handshakes = HandshakesState::shared();
    handshakes.open();
    // The step is named after the probe over TCP that stands for its pair.
    Effect::new(move |_| {
        let step = state.place.get().and_then(|place| script.steps.get(place.step));
        if let Some(probe) = step.and_then(|step| Probe::find(step.id)) {
            handshakes.choose_pair(probe);
        }
    });
    Effect::new(move |_| {
        let Some(report) = handshakes.report.get() else { return };
        let mut figures = Figures::default();
        for probe in &report.probes {
            let trips = probe.first_byte_round_trips.most_common().map(u64::from);
            figures = figures.with(probe.probe.name(), Metric::RoundTrips, trips).with(
                probe.probe.name(),
                Metric::FirstByte,
                probe.first_byte.map(|spread| spread.median_micros),
            );
        }
        let controls = script.steps.iter().filter_map(|step| step.control);
        for control in controls.filter(|control| matches!(control.kind, ControlKind::Handshakes)) {
            state.set_figures((script.story, control.id), figures.clone());
        }
    });
    let has_report = Memo::new(move |_| handshakes.report.with(Option::is_some));
    view! {
        <section class="card story-stage lab">
            <p class="status" role="status">{move || handshakes.status.with(RunStatus::text)}</p>
            <Show when=move || has_report.get()><LadderCard/></Show>
        </section>
    }
}

/// Renders the frames of the story's WebSocket, and takes their counts.
#[component]
pub fn FramesStage(
    /// The view's state.
    state: StoryState,
) -> impl IntoView {
    let Input(input) = expect_context();
    let frames = FramesState::start(input);
    Effect::new(move |_| {
        let Some(counts) = frames.log.with(|log| log.has_begun().then(|| log.counts.clone())) else { return };
        let with = |figures: Figures, name, totals: &sluice_shared::lab::FrameTotals| {
            figures
                .with(name, Metric::Frames, Some(totals.frames.iter().sum()))
                .with(name, Metric::HeaderBytes, Some(totals.header_bytes))
                .with(name, Metric::PayloadBytes, Some(totals.payload_bytes))
        };
        let figures = with(with(Figures::default(), "down", &counts.down), "up", &counts.up);
        let is_fragmented = input.with_untracked(|input| input.fragment_bytes > 0);
        let control = if is_fragmented { "fragments" } else { "whole" };
        state.set_figures(("inside-a-frame", control), figures);
    });
    view! { <section class="card story-stage"><FramesPanel state=frames/></section> }
}
