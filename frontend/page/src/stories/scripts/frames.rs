//! Inside a frame: the frames of a running WebSocket, whole and in fragments.

use sluice_bridge::PageSettings;
use sluice_shared::link::Preset;
use sluice_shared::mode::Mode;

use super::{lane, page};
use crate::stories::metric::Metric;
use crate::stories::script::{Abilities, Control, ControlKind, Script, StepScript, StoryStage};

/// The script.
pub(super) const SCRIPT: Script = Script {
    story: "inside-a-frame",
    stage: StoryStage::Frames,
    steps: &[
        StepScript { id: "header", setup: Some(one_websocket), control: Some(WHOLE), columns: &COLUMNS },
        StepScript { id: "opcode", setup: None, control: Some(WHOLE), columns: &COLUMNS },
        StepScript { id: "mask", setup: None, control: Some(WHOLE), columns: &COLUMNS },
        StepScript { id: "fragments", setup: None, control: Some(FRAGMENTS), columns: &COLUMNS },
    ],
};

const COLUMNS: [Metric; 3] = [Metric::Frames, Metric::HeaderBytes, Metric::PayloadBytes];

const WHOLE: Control = Control { id: "whole", kind: ControlKind::Fragments(0) };
const FRAGMENTS: Control = Control { id: "fragments", kind: ControlKind::Fragments(64) };

fn one_websocket(_abilities: Abilities) -> PageSettings {
    page(vec![lane(Mode::WebSocket)], Preset::None)
}
