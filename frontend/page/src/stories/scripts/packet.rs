//! One lost packet: the same loss under three orders, with BBR and with CUBIC.

use sluice_bridge::PageSettings;
use sluice_shared::lab::Congestion;
use sluice_shared::link::Preset;
use sluice_shared::mode::Mode;

use super::{lane, page};
use crate::stories::metric::Metric;
use crate::stories::script::{
    Abilities, Claim, Control, ControlKind, EndCondition, Experiment, Script, StepScript, StoryStage,
};

/// The script.
pub(super) const SCRIPT: Script = Script {
    story: "one-lost-packet",
    stage: StoryStage::Lanes,
    steps: &[
        StepScript { id: "topics", setup: Some(clean), control: None, columns: &COLUMNS },
        StepScript { id: "loss", setup: None, control: Some(LOSS), columns: &COLUMNS },
        StepScript { id: "one-stream", setup: None, control: Some(LOSS), columns: &COLUMNS },
        StepScript { id: "cubic", setup: None, control: Some(CUBIC), columns: &COLUMNS },
    ],
};

const COLUMNS: [Metric; 4] = [Metric::P50, Metric::P99, Metric::Stalls, Metric::Lost];

const LOSS: Control = Control {
    id: "loss",
    kind: ControlKind::Lanes(Experiment::new(
        lossy,
        &[EndCondition::Elapsed(15)],
        &[
            Claim::Less("streams", "tcp", Metric::P99),
            Claim::Less("streams", "one-stream", Metric::P99),
            Claim::AtLeast("one-stream", Metric::Stalls, 1),
        ],
        20,
    )),
};

const CUBIC: Control = Control {
    id: "cubic",
    kind: ControlKind::Lanes(Experiment::new(
        lossy_cubic,
        &[EndCondition::Elapsed(15)],
        &[Claim::AtLeast("tcp", Metric::P99, 1), Claim::AtLeast("streams", Metric::P99, 1)],
        20,
    )),
};

fn topics(preset: Preset, congestion: Congestion) -> PageSettings {
    let mut lanes = vec![lane(Mode::WebSocket), lane(Mode::OneStream), lane(Mode::StreamPerTopic)];
    lanes.iter_mut().for_each(|lane| lane.congestion = congestion);
    let mut settings = page(lanes, preset);
    settings.feeds.ticks.streams = 8;
    settings
}

fn clean(_abilities: Abilities) -> PageSettings {
    topics(Preset::None, Congestion::Bbr)
}

fn lossy(_abilities: Abilities) -> PageSettings {
    topics(Preset::Lossy2, Congestion::Bbr)
}

fn lossy_cubic(_abilities: Abilities) -> PageSettings {
    topics(Preset::Lossy2, Congestion::Cubic)
}
