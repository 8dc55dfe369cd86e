//! Round trips: the ladder of handshakes, pair by pair.

use crate::stories::metric::Metric;
use crate::stories::script::{Control, ControlKind, Script, StepScript, StoryStage};

/// The script. Each step shows the pair that [`crate::stories::view`] finds by the step's name.
pub(super) const SCRIPT: Script = Script {
    story: "round-trips",
    stage: StoryStage::Handshakes,
    steps: &[
        StepScript { id: "http2-cold", setup: None, control: Some(MEASURE), columns: &COLUMNS },
        StepScript { id: "http2-resumed", setup: None, control: Some(MEASURE), columns: &COLUMNS },
        StepScript { id: "http2-early", setup: None, control: Some(MEASURE), columns: &COLUMNS },
        StepScript { id: "http2-early-post", setup: None, control: Some(MEASURE), columns: &COLUMNS },
        StepScript { id: "wss", setup: None, control: Some(MEASURE), columns: &COLUMNS },
    ],
};

const COLUMNS: [Metric; 2] = [Metric::RoundTrips, Metric::FirstByte];

const MEASURE: Control = Control { id: "measure", kind: ControlKind::Handshakes };
