//! When WebSocket wins: a clean link, a network without UDP, and the cost of a message.

use sluice_bridge::{LaneSetup, PageSettings};
use sluice_shared::link::Preset;
use sluice_shared::mode::Mode;

use super::{lane, page};
use crate::stories::metric::Metric;
use crate::stories::script::{
    Abilities, Claim, Control, ControlKind, EndCondition, Experiment, Script, StepScript, StoryStage,
};

/// The script.
pub(super) const SCRIPT: Script = Script {
    story: "when-websocket-wins",
    stage: StoryStage::Lanes,
    steps: &[
        StepScript {
            id: "clean",
            setup: Some(clean),
            control: Some(CLEAN),
            columns: &[Metric::P50, Metric::P99, Metric::Stalls, Metric::Lost],
        },
        StepScript {
            id: "udp-blocked",
            setup: None,
            control: Some(BLOCKED),
            columns: &[Metric::Consumed, Metric::Connections, Metric::P50],
        },
        StepScript {
            id: "cpu",
            setup: Some(firehose),
            control: Some(CPU),
            columns: &[Metric::Busy, Metric::Core, Metric::Consumed],
        },
        StepScript::reading("choose", &[Metric::Busy, Metric::Core, Metric::Consumed]),
    ],
};

const CLEAN: Control = Control {
    id: "clean",
    kind: ControlKind::Lanes(Experiment::new(
        clean,
        &[EndCondition::Elapsed(8)],
        &[
            Claim::AtLeast("websocket", Metric::Consumed, 100),
            Claim::AtLeast("webtransport", Metric::Consumed, 100),
            Claim::AtLeast("fallback", Metric::Consumed, 100),
        ],
        20,
    )),
};

const BLOCKED: Control = Control {
    id: "udp-blocked",
    kind: ControlKind::Lanes(Experiment {
        absent: &["webtransport"],
        ..Experiment::new(
            blocked,
            &[EndCondition::Elapsed(8)],
            &[
                Claim::AtMost("webtransport", Metric::Consumed, 0),
                Claim::AtLeast("websocket", Metric::Consumed, 100),
                Claim::AtLeast("fallback", Metric::Consumed, 100),
            ],
            20,
        )
    }),
};

const CPU: Control = Control {
    id: "cpu",
    kind: ControlKind::Lanes(Experiment::new(
        firehose,
        &[EndCondition::Elapsed(10)],
        &[Claim::AtLeast("websocket", Metric::Busy, 1), Claim::AtLeast("webtransport", Metric::Busy, 1)],
        20,
    )),
};

fn three(preset: Preset) -> PageSettings {
    let alone = lane(Mode::StreamPerTopic);
    page(vec![lane(Mode::WebSocket), alone, LaneSetup { falls_back: true, ..alone }], preset)
}

fn clean(_abilities: Abilities) -> PageSettings {
    three(Preset::None)
}

fn blocked(_abilities: Abilities) -> PageSettings {
    three(Preset::UdpBlocked)
}

fn firehose(abilities: Abilities) -> PageSettings {
    let mut settings = clean(abilities);
    (settings.feeds.ticks.rate, settings.feeds.ticks.size) = (20_000, 64);
    settings
}
